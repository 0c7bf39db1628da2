/** `shootdown bench kernbench`. */
import { kernbenchText } from '../report/bench-text.ts'
import { costPerFault, hostFor, kernbench, LOADS } from '../simulate/kernbench.ts'
import { meanOf } from '../simulate/statistics.ts'
import type { BenchFlags, BenchPlan } from './bench-options.ts'
import { runArms } from './bench-runs.ts'

const COLUMN_NAMES: Readonly<Record<string, string>> = {
  'native, immediate': 'CURRENT',
  'native, rcu': 'HAVE_RCU_TABLE_FREE',
}

/** kernbench's tables: the first arm is the column that the model is calibrated on. */
export async function benchKernbench(plan: BenchPlan, flags: BenchFlags): Promise<number> {
  const results = await runArms('compile', plan, flags.perfetto !== undefined)
  const parts: string[] = []
  const documents: unknown[] = []
  for (const place of [...new Set(plan.arms.map((arm) => arm.host))]) {
    const numbers = plan.arms.map((_, i) => i).filter((i) => plan.arms[i]!.host === place)
    const { host, published } = hostFor(place.virtual ? place.vcpus : place.pcpus)
    const cost = (i: number) => {
      const all = results[i]!.map((run) => costPerFault(run, place.vms * place.vcpus))
      return {
        user: meanOf(all.map(({ user }) => user)).value,
        system: meanOf(all.map(({ system }) => system)).value,
      }
    }
    const first = cost(numbers[0]!)
    const columns = numbers.map((i) => {
      const own = cost(i)
      const factors = { user: own.user / first.user, system: own.system / first.system }
      const name = `${plan.arms[i]!.flush}, ${plan.arms[i]!.free}`
      const groups = kernbench(host, factors, host.runs, plan.seeds[0]! + i)
      return { name: COLUMN_NAMES[name] ?? name, groups, factors }
    })
    parts.push(`${host.cpus}-CPU host${published ? '' : ' (scaled from the nearer host of the thread)'}:`)
    for (const [g, load] of LOADS.entries()) {
      const title = `${load === 'half' ? 'Half' : 'Optimal'} load -j ${host.jobs[load]}`
      parts.push(
        kernbenchText(
          title,
          columns.map(({ name, groups }) => ({ name, group: groups[g]! })),
        ),
      )
    }
    if (published && numbers.length > 1) parts.push(comparison(host, columns))
    documents.push({ cpus: host.cpus, published, columns })
  }
  parts.push(NOTE)
  const text =
    flags.json === true
      ? JSON.stringify({ schema: 'shootdown-kernbench/1', hosts: documents }, undefined, 2)
      : parts.join('\n\n')
  process.stdout.write(`${text}\n`)
  return 0
}

const NOTE = `kernbench resets only the elapsed time between its groups: the other figures of "Optimal" are averages over both
groups together, which is where deviations like (136.974) and (379...) in such tables come from. The first column is
what the model is calibrated on; the others are predicted from what the engine says a fault's worth of work costs.`

type Columns = readonly {
  readonly name: string
  readonly groups: ReturnType<typeof kernbench>
  readonly factors: { readonly user: number; readonly system: number }
}[]

/** The thread's differences beside the simulated ones. */
function comparison(host: ReturnType<typeof hostFor>['host'], columns: Columns): string {
  const [first, second] = columns
  const percent = (a: number, b: number) => `${(100 * (b / a - 1)).toFixed(2)} %`
  const lines = LOADS.flatMap((load, g) =>
    (['elapsed', 'user', 'system'] as const).map((figure) => {
      const measured = percent(host.current[load][figure].mean, host.rcu[load][figure].mean)
      const simulated = percent(first!.groups[g]![figure].mean, second!.groups[g]![figure].mean)
      return `  ${load.padEnd(8)} ${figure.padEnd(8)} ${measured.padStart(9)} ${simulated.padStart(11)}`
    }),
  )
  const exact = `  without run-to-run noise: user ${percent(1, second!.factors.user)}, system ${percent(1, second!.factors.system)}`
  return [
    `${second!.name} against ${first!.name}`,
    '                     thread   simulator',
    ...lines,
    exact,
  ].join('\n')
}
