/** `shootdown trace replay`: its options. */
import type { Command } from 'commander'
import type { ReplayFlags } from './trace-replay-run.ts'

const EPILOGUE = `
What is recorded: for each CPU the order of its context switches and flushes, which address space each is of, pages,
page tables freed, and the CPU time between. What is modelled: the kernel's TLB code and each backend with its
hypervisor, as 'check' explores them; the host; costs. docs/trace.md says more.

Names and sizes may be comma-separated lists; each combination is an arm, compared with the recorded form:
  shootdown trace replay FILE --flush native,hyperv,xen,kvm --vms 1,2`

export function registerReplay(trace: Command): void {
  trace
    .command('replay')
    .description('the flushes of a recording under other backends and hosts, in the simulator')
    .argument('<file>', 'text of a recording, plain or gzip; - is standard input')
    .option(
      '--flush <names>',
      'flush backends: native, hyperv, xen, kvm, invlpgb',
      'native,hyperv,xen,kvm,invlpgb',
    )
    .option('--free <names>', 'how page tables are freed: immediate, rcu, ipi-sync', 'rcu')
    .option('--vcpus <n>', 'vCPUs of each VM; by default the CPUs of the recording; a list is a sweep')
    .option('--vms <n>', 'virtual machines that all do the same; a list is a sweep', '1')
    .option('--pcpus <n>', 'physical CPUs; by default the CPUs of the recording; a list is a sweep')
    .option('--profile <name>', 'whose Hyper-V: tlfs, kvm, openvmm, xen', 'tlfs')
    .option('--cost-model <name>', 'skylake, haswell, milan, westmere, sapphire-rapids')
    .option('--machine <file>', 'JSON description of the machine (docs/simulator.md)')
    .option('--speed <n>', 'divide recorded time by it; by default found from the quickest recorded flushes')
    .option('--flushes <n>', 'replay so many flushes, from the beginning', '3000')
    .option('--mhz <rate>', 'rate of a cycle clock, where no sidecar tells it')
    .option('--runs <n>', 'runs with different seeds', '3')
    .option('--seed <n>', 'first seed', '1')
    .option('--plot <file>', 'an SVG of the comparison')
    .option('--perfetto <file>', 'the first run of the recorded form as a trace for ui.perfetto.dev')
    .option('--json', 'one JSON document (docs/trace.md)')
    .option('--ascii', 'plain ASCII')
    .addHelpText('after', EPILOGUE)
    .action(async (file: string, flags: ReplayFlags) => {
      const { runTraceReplay } = await import('./trace-replay-run.ts')
      await runTraceReplay(file, flags)
    })
}
