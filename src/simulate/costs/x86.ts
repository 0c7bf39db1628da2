/** What all models share: figures that hold for most x86 servers of 2012 to 2024, each with its source. */
import { type Constants, cycles, entries, ns } from '../cost-model.ts'

const FACTS = 'performance.md'
const IDLE = 'Linux f9e71657c2c0, idle states of Skylake servers:'
const ASSUMED = 'assumption:'

export const X86: Constants = {
  load: cycles(5, `${ASSUMED} a load that hits the first-level cache`),
  store: cycles(2, `${ASSUMED} a store that retires into the store buffer`),
  rmw: cycles(20, `${ASSUMED} a locked instruction on an own line`),
  fence: cycles(30, `${ASSUMED} a drained store buffer`),
  cli: cycles(10, `${ASSUMED} CLI with pushf`),
  sti: cycles(10, `${ASSUMED} STI or popf`),
  line: ns(50, `${ASSUMED} cache to cache within a socket`),
  lineAcross: ns(
    50,
    `${ASSUMED} one last-level cache for each socket, as on Intel's servers: the same as line`,
  ),
  lineFar: ns(130, `${ASSUMED} cache to cache across sockets`),
  interrupt: cycles(500, `${ASSUMED} entry, stack switch, irq_enter, EOI`),
  iret: cycles(300, `${ASSUMED} irq_exit and IRET`),
  syscall: ns(100, `${ASSUMED} entry and exit without PTI`),
  flushFunction: ns(150, `${FACTS} 1.2: intercept of the fits, less trace bias and one invalidation`),
  fault: ns(600, `${FACTS} 1.6: a loop of tlb_flush2 has two faults and a flush in 3.2 us on one thread`),
  alloc: ns(250, `${ASSUMED} allocation from the per-CPU list and zeroing of 4 KiB`),
  free: ns(100, `${ASSUMED} freeing to the per-CPU list`),
  invlpg: cycles(216, `${FACTS} 1.1: Haswell, Dave Hansen 2015-06-09`),
  invpcid: cycles(350, `${FACTS} 1.1: Skylake, 550 with PTI less 200 without, Dave Hansen 2017-12-05`),
  cr3: cycles(124, `${FACTS} 1.1: Haswell, Dave Hansen 2015-06-09`),
  cr4: cycles(960, `${FACTS} 1.1: Haswell, Dave Hansen 2015-06-09`),
  invlpgb: ns(
    200,
    `${ASSUMED} no figure is published (section 6 of the facts); INVLPGB issued, not waited for`,
  ),
  tlbsync: ns(400, `${ASSUMED} no figure is published; about one far cache line and the slowest CPU`),
  refill: cycles(40, `${FACTS} 1.2: walks of 34 to 46 cycles, a5102476a24b`),
  tlbEntries: entries(1536, `${FACTS} 1.3: Skylake's second-level TLB, R(0.85)`),
  pageVisit: ns(
    13,
    `${FACTS} 1.3: hundreds of millions of first-level TLB misses a second in a compile, 3062e486-...; 75 million on each of 4 CPUs assumed`,
  ),
  nestedFactor: entries(2, `${FACTS} 1.3: two-dimensional walks, 2 to 4 times, R(0.6)`),
  icr: cycles(150, `${ASSUMED} an ICR write on bare metal`),
  delivery: ns(500, `${FACTS} 1.5: half of a unicast round trip of 1 to 1.5 us less its handler, R(0.6)`),
  deliveryFar: ns(800, `${FACTS} 1.5: half of 1.5 to 2.5 us across sockets, R(0.6)`),
  exit: cycles(1529, `${FACTS} 1.4: vmcall through KVM, Skylake-SP, Wanpeng Li`),
  icrExit: ns(1080, `${FACTS} 1.4: MSR_WRITE exits, host side, retpoline, Wanpeng Li 2019-11`),
  icrExitXapic: ns(1600, `${FACTS} 1.5: xAPIC is 1721 cycles dearer than x2APIC for one IPI, IPIv v7 cover`),
  hostPerTarget: ns(940, `${FACTS} 1.5: 75.7 us for 80 targets behind one hypercall, 4180bf1b655a`),
  hostVcpu: ns(
    240,
    'calibrated: VS-04, 8330 ns for 31 vCPUs that sleep, less one exit; about two lines of other sockets',
  ),
  posted: ns(1317, `${FACTS} 1.5: unicast delivery with IPI virtualisation, 131742993 ns for 100 k`),
  hostSwitch: ns(1950, `${FACTS} 1.7: the middle of context switches of 1.2 to 2.7 us`),
  wake: ns(3000, `${FACTS} 1.7: ping-pong between CPUs, 4.7 us, less one switch`),
  c1eExit: ns(8000, `${IDLE} C1E, 10 us, less the 2 us of C1`),
  c1eResidency: ns(20_000, `${IDLE} C1E`),
  c3Exit: ns(8000, `${IDLE} there is no C3: as C1E`),
  c3Residency: ns(20_000, `${IDLE} there is no C3: as C1E`),
  c6Exit: ns(131_000, `${IDLE} C6, 133 us, less the 2 us of C1`),
  c6Residency: ns(600_000, `${IDLE} C6`),
  taskSwitch: ns(1200, `${FACTS} 1.7: half of a ping-pong on one CPU, 2.4 us`),
  sharedCore: entries(1.6, `${ASSUMED} two threads of a core do a quarter more than one`),
  gracePeriod: ns(12e6, `${ASSUMED} three to four jiffies at HZ=250`),
  rcuCallback: ns(150, `${ASSUMED} a batched callback without what it frees`),
}
