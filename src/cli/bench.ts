/** `shootdown bench`: what protocols cost, from the same code that `check` explores. */
import type { Command } from 'commander'
import type { BenchFlags } from './bench-options.ts'

const EPILOGUE = `
Workloads: kernbench, munmap-storm, gup-storm, ebizzy, tlb-flush, compile, ipi, flush, reclaim, wakeups; or a scenario file.
Every setting may be a comma-separated list. Each combination is an arm, and the first is what the others are compared
with; sizes (CPUs, VMs, sockets, hogs, threads, processes, targets, pages) make a table each:
  shootdown bench kernbench --pcpus 6 --free immediate,rcu
  shootdown bench munmap-storm --flush native,hyperv,kvm --pcpus 8 --vcpus 8 --vms 1,2
  shootdown bench ipi --virtual on --pcpus 16,80 --vcpus 80 --targets 15,79 --pv-ipi off,on

--machine takes a JSON file with any of these settings, and costs of its own (docs/simulator.md).`

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description('the simulator: backends and policies under a clock')
    .argument('<workload>', 'name of a workload, or a scenario file (my.ts)')
    .option('--flush <names>', 'flush backends: native, hyperv, xen, xen-naive, kvm, serialize, invlpgb')
    .option('--free <names>', 'how page tables are freed: immediate, rcu, ipi-sync, boot')
    .option('--profile <name>', 'whose Hyper-V: tlfs, kvm, openvmm, xen', 'tlfs')
    .option('--pcpus <n>', 'physical CPUs; a list is a sweep')
    .option('--vcpus <n>', 'vCPUs of each VM; a list is a sweep')
    .option('--vms <n>', 'virtual machines; a list is a sweep')
    .option('--runs <n>', 'runs with different seeds', '5')
    .option('--seed <n>', 'first seed', '1')
    .option('--ms <n>', 'simulated milliseconds of each run')
    .option('--machine <file>', 'JSON description of the machine')
    .option('--cost-model <name>', 'skylake, haswell, milan, westmere, sapphire-rapids')
    .option('--costs <list>', 'constants of the model that are different: exit=2000,icrExit=580')
    .option('--sockets <n>', 'sockets that the pCPUs are spread over')
    .option(
      '--virtual <on|off>',
      'whether guests are virtual; by default where the backend or the sizes ask for it',
    )
    .option('--hogs <n>', 'vCPUs of a VM beside those, which compute all the time')
    .option('--apic <mode>', 'xapic, x2apic-physical, x2apic-cluster')
    .option('--posted-interrupts <on|off>', 'interrupts reach running vCPUs without an exit')
    .option('--ipi-virtualization <on|off>', 'guests send IPIs without an exit')
    .option('--pv-ipi <on|off>', 'one hypercall for up to 128 targets')
    .option('--pti <on|off>', 'page-table isolation: two invalidations for each page')
    .option('--smt <n>', 'threads of each core, which slow each other down')
    .option('--cache-pcpus <n>', 'pCPUs that share a last-level cache')
    .option('--pti-flush <how>', 'the user half of a page: invpcid, deferred')
    .option('--slice <us>', "the host's time slice")
    .option('--scheduler <how>', "the host's scheduler: turns, fair")
    .option('--latency <us>', 'in how many microseconds a fair scheduler runs everybody once')
    .option('--wakeup-granularity <us>', 'what a vCPU may run before one that is woken takes its pCPU')
    .option('--idle-states <deepest>', 'how deep pCPUs without work sleep: c1, c1e, c3, c6')
    .option('--host-load <share>', "what the host's own threads take of each pCPU")
    .option('--locks <kind>', "the guests' spinlocks: native, pv, pv-early")
    .option('--ple-window <cycles>', 'pause-loop exiting; 0 is off')
    .option('--boost <whom>', 'who gets the pCPU of a spinning vCPU: none, yield, in-kernel, ipi-targets')
    .option('--pv-sched-yield <on|off>', 'who sends an IPI yields to a target that is preempted')
    .option('--working-set <pages>', 'pages that user code comes back to after flushes')
    .option('--threads <n>', 'threads; by default one for each vCPU')
    .option('--processes <n>', 'processes that wakeups switches between; reclaim: 1, all threads are of one')
    .option('--pages <n>', 'pages of each operation')
    .option('--think <us>', 'user code between two operations')
    .option('--idle <share>', 'share of time asleep')
    .option('--lru <on|off>', 'freeing drains the LRU batches under the global lock')
    .option('--batch <n>', 'pages for which reclaim flushes at once')
    .option('--cluster <n>', 'pages that reclaim looks at together')
    .option('--reclaimed <share>', 'pages that reclaim looks at and takes')
    .option('--by-page <on|off>', 'a batch is flushed page by page')
    .option('--lazy-mask <on|off>', 'CPUs that have left the mm stay in its mask')
    .option('--lazy-check <how>', 'flushes look for lazy targets: none, shared-line, own-line')
    .option('--shared-lines <n>', 'accesses of each loop to a line that all threads write')
    .option('--concurrent <on|off>', 'the own TLB is flushed while the others are interrupted')
    .option('--ceiling <pages>', 'ranges up to this are flushed page by page; 33 is usual')
    .option('--invlpgb-threshold <n>', 'CPUs from which on INVLPGB is used')
    .option('--mmap-lock <how>', 'munmap holds it: write, downgrade, none')
    .option('--walkers <share>', 'threads of gup-storm that walk')
    .option('--targets <n>', 'other CPUs that one call of ipi, or one flush of flush, goes to')
    .option('-n <runs>', 'kernbench: runs of each group (at most 10)')
    .option('-o <jobs>', 'kernbench: jobs of the optimal load (4 for each CPU)')
    .option('-f', 'kernbench: fast, without caching and warm-up, 3 runs')
    .option('-s', 'kernbench: single-threaded runs too')
    .option('-H', 'kernbench: no half load')
    .option('-O', 'kernbench: no optimal load')
    .option('-M', 'kernbench: no maximal load')
    .option('--plot <file>', 'an SVG of the comparison')
    .option('--perfetto <file>', 'the first run as a trace for ui.perfetto.dev')
    .option('--json', 'one JSON document (docs/simulator.md)')
    .option('--ascii', 'plain ASCII')
    .addHelpText('after', EPILOGUE)
    .action(async (workload: string, flags: BenchFlags) => {
      const { runBench } = await import('./bench-run.ts')
      process.exitCode = await runBench(workload, flags)
    })
}

export function registerValidate(program: Command): void {
  program
    .command('validate')
    .description('published results beside the simulator: ratios, tolerances, verdicts')
    .argument('[rows...]', 'ids of rows (VS-04); all by default')
    .option('--commands', 'instead of running: the commands that run each arm')
    .option('--runs <n>', 'runs with different seeds', '3')
    .option('--json', 'one JSON document')
    .option('--ascii', 'plain ASCII')
    .action(
      async (
        rows: string[],
        flags: {
          readonly runs: string
          readonly commands?: true
          readonly json?: true
          readonly ascii?: true
        },
      ) => {
        const { runValidate } = await import('./validate-run.ts')
        process.exitCode = await runValidate(rows, flags)
      },
    )
}
