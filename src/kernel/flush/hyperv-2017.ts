/**
 * `hyperv-2017`: the patch of the thread (commit 2ffd9e33ce4a), line for line in behaviour: flush remote TLBs by
 * HvFlushVirtualAddressSpace/List instead of IPIs.
 *
 *   CPU0  munmap                            CPU1  gup_fast
 *     PMD[v] = none                           cli
 *     hypercall: CPU1's TLB is flushed        walk PMD[v] -> T
 *       (guest IF=0 holds nothing off)
 *     free T                                  read T[i]            <- freed
 */
import { kernelPrefersSpace } from '../../abi/fill-gva-list.ts'
import { HV_FLUSH_ALL_PROCESSORS, HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY } from '../../abi/flush.ts'
import { encodeControlWord } from '../../abi/index.ts'
import { BIGINT_WORDS, type RangeLoop } from '../../abi/range-step.ts'
import { Operation, type Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { type GuestPage, type HypercallPort, storeWord } from '../../machine/hypercall.ts'
import { localIrqRestore, localIrqSave } from '../../machine/interrupts.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpusOf, loadMask } from '../../machine/masks.ts'
import { load, type Variable } from '../../machine/variables.ts'
import { type FlushTlbInfo, TLB_FLUSH_ALL } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { cpuOnlineMask } from '../smp.ts'
import { beginRequest, endRequest, interfaceViolation, noteReached } from './interface-check.ts'
import { nativeFlushTlbOthers } from './native.ts'

/** Call codes of the two hypercalls. */
const HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE = 0x2
const HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST = 0x3
/** Elements that fit behind the header: (4096 - 24) / 8. */
const MAX_GVAS = 509
/** Processors that the 64-bit mask can name. */
const MASK_BITS = 64
/** Words before the list. */
const HEADER_WORDS = 3

/** Words of the per-CPU input page that a scenario models: the header, and as many list elements as it needs. */
export function inputPageFields(elements: number): string[] {
  const list = Array.from({ length: elements }, (_, i) => `gva_list[${i}]`)
  return ['address_space', 'flags', 'processor_mask', ...list]
}

/** What boot has set up. */
export interface HypervSetup {
  /** `hv_hypercall_pg`: 1 once the hypercall page is enabled. */
  readonly hypercallPage: Variable<number>
  /** `pcpu_flush`: 1 once the per-CPU input pages are allocated. */
  readonly pcpuFlush: Variable<number>
  readonly inputPages: readonly GuestPage[]
  readonly port: HypercallPort
  /** The list builder: the thread's, or a later one. */
  readonly fillGvaList: RangeLoop
  /** `unchecked` (never upstream): takes it for granted that boot has set everything up. */
  readonly bootChecks?: 'unchecked'
  /** `on` (never upstream): interrupts stay on while the input page is in use. */
  readonly irqs?: 'on'
}

/** `fill_gva_list()`: one store per element; gives how many. Elements beyond the modelled page are stores that nobody reads. */
export function* fillGvaList(page: GuestPage, loop: RangeLoop, start: bigint, end: bigint): Task<number> {
  let cursor = start
  for (let n = 0; ; n++) {
    const step = loop(BIGINT_WORDS, cursor, end)
    if (HEADER_WORDS + n < page.words.length) yield* storeWord(page, HEADER_WORDS + n, step.entry)
    else yield* new Operation<void>({ kind: 'local', label: `gva_list[${n}] = 0x${step.entry.toString(16)}` })
    if (!step.again) return n + 1
    cursor = step.next
  }
}

/** The backend of one kernel. */
export function hyperv2017Backend(kernel: () => Kernel, setup: HypervSetup): FlushBackend {
  return named({
    name: 'hyperv',
    flushTlbOthers: function* flushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      yield* hypervFlushTlbOthers(kernel(), setup, cpu, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}

/** `hyperv_flush_tlb_others()`. */
export function* hypervFlushTlbOthers(
  kernel: Kernel,
  setup: HypervSetup,
  cpu: Cpu,
  info: FlushTlbInfo,
): Task<void> {
  if (setup.bootChecks !== 'unchecked') {
    const ready = (yield* load(setup.pcpuFlush)) === 1 && (yield* load(setup.hypercallPage)) === 1
    if (!ready) return yield* doNative(kernel, cpu, info)
  }
  if ((yield* loadMask(info.mm.cpumask, 'mm_cpumask')) === 0n) return
  const flags = setup.irqs === 'on' ? 'skipped' : yield* localIrqSave(cpu, 'hyperv_flush_tlb_others')
  const succeeded = yield* call(doFlushHypercall, kernel, setup, cpu, info)
  yield* localIrqRestore(cpu, flags)
  if (!succeeded) yield* doNative(kernel, cpu, info)
}

/** The ghost of the test that is missing: using what is not there is a violation. */
function* checkBooted(setup: HypervSetup, cpu: Cpu): Task<void> {
  if ((yield* load(setup.pcpuFlush)) === 0) {
    yield* interfaceViolation(`CPU${cpu.id} fills an input page that boot has not allocated yet`)
  }
  if ((yield* load(setup.hypercallPage)) === 0) {
    yield* interfaceViolation(`CPU${cpu.id} calls a hypercall page that is not enabled yet`)
  }
}

function* doNative(kernel: Kernel, cpu: Cpu, info: FlushTlbInfo): Task<void> {
  const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
  yield* nativeFlushTlbOthers(kernel, cpu, mask, info)
}

/** With interrupts off: fill this CPU's page and make the call; false if the caller has to flush natively. */
function* doFlushHypercall(kernel: Kernel, setup: HypervSetup, cpu: Cpu, info: FlushTlbInfo): Task<boolean> {
  const page = setup.inputPages[cpu.id]!
  if (setup.bootChecks === 'unchecked') yield* checkBooted(setup, cpu)
  const addressSpace = BigInt(info.mm.pgd.pfn) << 12n
  yield* storeWord(page, 0, addressSpace)
  const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
  const everybody = mask === cpuOnlineMask(kernel.machine)
  if (!everybody && cpusOf(mask).some((target) => target >= MASK_BITS)) return false
  const whole = info.end === TLB_FLUSH_ALL
  const flags = (everybody ? HV_FLUSH_ALL_PROCESSORS : 0n) | (whole ? HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY : 0n)
  yield* storeWord(page, 1, flags)
  yield* storeWord(page, 2, everybody ? 0n : mask)
  const space = whole || (info.end !== 0n && kernelPrefersSpace(info.start, info.end, MAX_GVAS))
  const repCount = space ? 0 : yield* call(fillGvaList, page, setup.fillGvaList, info.start, info.end)
  const callCode = space ? HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE : HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST
  const control = encodeControlWord({ callCode, repCount })
  const outcome = yield* setup.port.vmcall(cpu, { control, input: page })
  if ((outcome.result & 0xffffn) !== 0n) return false
  if (outcome.addressSpace === 'all' || outcome.addressSpace === addressSpace) {
    yield* noteReached(kernel.checks, cpu, { mask: outcome.reached, start: outcome.start, end: outcome.end })
  }
  return true
}
