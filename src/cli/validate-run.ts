/** Runs `shootdown validate` and prints every row, good or bad. */
import { UsageError } from '../core/errors.ts'
import { plainTable } from '../report/bench-text.ts'
import { styleFor } from '../report/style.ts'
import { checkHost } from '../simulate/host.ts'
import { groupsFor } from '../simulate/kernbench.ts'
import { THREAD_HOSTS } from '../simulate/kernbench-hosts.ts'
import { buildOf, engineCost, modelFor } from '../simulate/kernbench-model.ts'
import { runAll } from '../simulate/pool.ts'
import type { RunResult, RunSpec } from '../simulate/run.ts'
import { type Interval, ratioOf } from '../simulate/statistics.ts'
import { commandOf } from '../simulate/validate/command.ts'
import { measured, specOf } from '../simulate/validate/row.ts'
import { MISSING, ROWS } from '../simulate/validate/rows.ts'
import { whole } from './bench-options.ts'
import { shareProgress } from './share-progress.ts'

interface Verdict {
  readonly id: string
  readonly title: string
  readonly name: string
  readonly role: 'calibrated' | 'predicted'
  readonly published: number
  readonly simulated: Interval
  readonly accept: readonly [number, number]
  /** Only its place in the order of the row counts, and not `accept`. */
  readonly ranked: boolean
  readonly within: boolean
}

/** Rows of which the order is asked for: a case is good if all cases below it are below it here too, and those above above. */
function judgeOrders(verdicts: Verdict[]): void {
  for (const [i, verdict] of verdicts.entries()) {
    if (!verdict.ranked) continue
    const within = verdicts
      .filter(({ id }) => id === verdict.id)
      .every(
        (other) =>
          Math.sign(other.published - verdict.published) ===
          Math.sign(other.simulated.value - verdict.simulated.value),
      )
    verdicts[i] = { ...verdict, within }
  }
}

interface ValidateFlags {
  readonly runs: string
  readonly commands?: true
  readonly json?: true
  readonly ascii?: true
}

export async function runValidate(wanted: readonly string[], flags: ValidateFlags): Promise<number> {
  const ids = ['VS-01', ...ROWS.map((row) => row.id), ...MISSING.map((row) => row.id)]
  const chosen = wanted.map((id) => id.toUpperCase())
  const unknown = chosen.find((id) => !ids.includes(id))
  if (unknown !== undefined) throw new UsageError(`no row ${unknown}; there are: ${ids.join(', ')}`)
  const asked = (id: string) => chosen.length === 0 || chosen.includes(id)
  if (flags.commands === true) {
    process.stdout.write(`${commands(asked).join('\n')}\n`)
    return 0
  }
  const seeds = Array.from({ length: whole(flags.runs, '--runs') }, (_, i) => 1 + 1000 * i)
  const progress = shareProgress(process.stderr, 'validate')
  const verdicts: Verdict[] = []
  try {
    const cases = ROWS.filter((row) => asked(row.id)).flatMap((row) => row.cases.map((one) => ({ row, one })))
    const specs = cases.flatMap(({ one }) =>
      seeds.flatMap((seed) => [specOf(one.before, seed), specOf(one.after, seed)]),
    )
    const unique = new Map(specs.map((spec) => [JSON.stringify(spec), spec]))
    const threads = asked('VS-01') ? compileSpecs(seeds[0]!) : []
    const results = await runAll([...threads, ...unique.values()], { onProgress: progress.update })
    const byKey = new Map([...unique.keys()].map((key, i) => [key, results[threads.length + i]!]))
    if (threads.length > 0) verdicts.push(...kernbenchVerdicts(threads, results))
    for (const { row, one } of cases) {
      const ratios = seeds.map((seed) => {
        const of = (setting: typeof one.before) => byKey.get(JSON.stringify(specOf(setting, seed)))!
        return measured(one.measure, of(one.before), of(one.after))
      })
      const simulated = ratioOf(
        ratios,
        ratios.map(() => 1),
      )
      const { published, accept, name } = one
      const within = row.ranked === true ? true : simulated.value >= accept[0] && simulated.value <= accept[1]
      verdicts.push({
        id: row.id,
        title: row.title,
        name,
        role: row.role,
        published,
        simulated,
        accept,
        ranked: row.ranked === true,
        within,
      })
    }
  } finally {
    progress.clear()
  }
  judgeOrders(verdicts)
  if (flags.json === true) {
    process.stdout.write(
      `${JSON.stringify({ schema: 'shootdown-validate/1', verdicts, missing: MISSING }, undefined, 2)}\n`,
    )
    return 0
  }
  const style = styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {})
  const dash = style.ascii ? '-' : '–'
  const rows = verdicts.map((verdict, i) => [
    `${verdicts[i - 1]?.id === verdict.id ? '     ' : verdict.id}  ${verdict.name}`,
    verdict.published.toFixed(3),
    verdict.simulated.value.toFixed(3) +
      (verdict.simulated.plusMinus > 0.0005
        ? ` ±${verdict.simulated.plusMinus.toFixed(3)}`.replace('±', style.ascii ? '+-' : '±')
        : ''),
    verdict.ranked ? 'order' : `${verdict.accept[0].toFixed(2)}${dash}${verdict.accept[1].toFixed(2)}`,
    verdict.role,
    verdict.within ? style.good('ok') : style.bad('outside'),
  ])
  const good = verdicts.filter((verdict) => verdict.within).length
  const notes = ROWS.filter((row) => asked(row.id)).map(
    (row) => `  ${row.id}  ${row.title}${row.note === undefined ? '' : `: ${row.note}`}`,
  )
  const missing = MISSING.filter((row) => asked(row.id)).map(
    (row) => `  ${row.id}  not simulated: ${row.why}`,
  )
  process.stdout.write(
    `${plainTable(['after / before', 'published', 'simulated', 'accepted', 'row is', ''], rows)}\n\n${[...notes, ...missing].join('\n')}\n\n  ${good} of ${verdicts.length} ratios are within their tolerance.\n`,
  )
  return 0
}

/** What to type for each arm of each row; VS-01 is kernbench's. */
function commands(asked: (id: string) => boolean): string[] {
  const kernbenchs = THREAD_HOSTS.map(
    ({ cpus }) =>
      `VS-01  shootdown bench kernbench --cost-model haswell --pcpus ${cpus} --free immediate,rcu`,
  )
  const rows = ROWS.filter((row) => asked(row.id)).flatMap(({ id, cases }) =>
    cases.flatMap(({ name, before, after }) => [
      `${id}  ${name}`,
      `  before  shootdown ${commandOf(before).join(' ')}`,
      `  after   shootdown ${commandOf(after).join(' ')}`,
    ]),
  )
  return [...(asked('VS-01') ? kernbenchs : []), ...rows]
}

/** The engine's part of VS-01: the compile's address spaces under both policies, on both hosts, under both loads. */
function compileSpecs(seed: number): RunSpec[] {
  return THREAD_HOSTS.flatMap(({ cpus }) =>
    threadGroups(cpus).flatMap(({ jobs }) =>
      ['immediate', 'rcu'].map(
        (free): RunSpec => ({
          workload: 'compile',
          host: checkHost({ costModel: 'haswell', pcpus: cpus }, 'VS-01'),
          flush: 'native',
          free,
          profile: 'tlfs',
          knobs: { threads: Math.min(jobs, cpus) },
          seed,
        }),
      ),
    ),
  )
}

function threadGroups(cpus: number) {
  return groupsFor(cpus, { fast: false, single: false, without: new Set(['maximal']) })
}

function kernbenchVerdicts(specs: readonly RunSpec[], results: readonly RunResult[]): Verdict[] {
  const cost = (i: number) => engineCost(results[i]!, specs[i]!.host.pcpus)
  return THREAD_HOSTS.flatMap((host, h) => {
    const model = modelFor(host.cpus)
    return threadGroups(host.cpus).flatMap((group, g) => {
      const load = group.load === 'half' ? 'half' : 'optimal'
      const [current, rcu] = [cost(4 * h + 2 * g), cost(4 * h + 2 * g + 1)]
      const before = buildOf(model, group)
      const after = buildOf(model, group, { own: rcu, reference: current })
      const verdict = (figure: 'elapsed' | 'system'): Verdict => {
        const simulated = after[figure] / before[figure]
        return {
          id: 'VS-01',
          title: 'kernbench, tables freed by RCU',
          name: `kernbench, ${host.cpus} CPUs, ${load} load, ${figure}`,
          role: 'predicted',
          published: host.rcu[load][figure].mean / host.current[load][figure].mean,
          simulated: { value: simulated, plusMinus: 0 },
          accept: [0.99, 1.01],
          ranked: false,
          within: simulated >= 0.99 && simulated <= 1.01,
        }
      }
      // Only the first group's system time is its own: kernbench accumulates it.
      return load === 'half' ? [verdict('elapsed'), verdict('system')] : [verdict('elapsed')]
    })
  })
}
