/** `shootdown bench my.ts`: scenarios under the clock, from their begin to their end. */
import { flushTlbFunc } from '../kernel/tlb.ts'
import { plainTable, short } from '../report/bench-text.ts'
import { buildProgram, loadScenarioFile } from '../run/scenario-file.ts'
import { DEFAULT_OPTIONS } from '../scenarios/scenario.ts'
import { timeProgram } from '../simulate/run-scenario.ts'
import { meanOf } from '../simulate/statistics.ts'
import { joined } from './bench-combinations.ts'
import type { BenchFlags, BenchPlan } from './bench-options.ts'

export async function benchScenarios(file: string, plan: BenchPlan, flags: BenchFlags): Promise<number> {
  const scenarios = await loadScenarioFile(file)
  const rows = scenarios.flatMap((scenario) =>
    plan.arms.map(({ flush, free, host, label }) => {
      const options = { ...DEFAULT_OPTIONS, ...scenario.defaults, flush, free, profile: plan.profile }
      const runs = plan.seeds.map((seed) => {
        const program = buildProgram(scenario, options, file)
        const cpus = program.processes.filter((process) => !process.daemon).length
        const wide = { ...host, pcpus: Math.max(host.pcpus, cpus) }
        return timeProgram(program, wide, seed, flushTlbFunc)
      })
      const violation = runs.find((run) => run.violation !== undefined)?.violation
      const stuck = runs.find((run) => run.stuck !== undefined)?.stuck
      const time = meanOf(runs.map((run) => run.nanoseconds))
      return {
        scenario: scenario.name,
        flush,
        free,
        ...(label !== '' && { settings: label }),
        nanoseconds: time,
        runs,
        ...(violation !== undefined && { violation }),
        ...(stuck !== undefined && { stuck }),
      }
    }),
  )
  if (flags.json === true) {
    process.stdout.write(
      `${JSON.stringify({ schema: 'shootdown-bench-scenario/1', file, rows }, undefined, 2)}\n`,
    )
    return 0
  }
  const table = rows.map((row) => [
    joined(`${row.scenario}: ${row.flush}`, row.free, row.settings ?? ''),
    Number.isFinite(row.nanoseconds.value) ? `${short(row.nanoseconds.value / 1000)} us` : 'never ends',
    String(row.runs[0]!.operations),
    String(row.runs[0]!.interrupts),
    String(row.runs[0]!.exits),
    row.violation ?? row.stuck ?? '',
  ])
  process.stdout.write(
    `${plainTable(['scenario', 'time', 'operations', 'interrupts', 'exits', ''], table)}\n`,
  )
  return 0
}
