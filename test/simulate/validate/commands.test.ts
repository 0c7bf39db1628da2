import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { registerBench } from '../../../src/cli/bench.ts'
import { type BenchFlags, benchPlan } from '../../../src/cli/bench-options.ts'
import { checkHost } from '../../../src/simulate/host.ts'
import { simulate } from '../../../src/simulate/run.ts'
import { commandOf } from '../../../src/simulate/validate/command.ts'
import { type Setting, specOf } from '../../../src/simulate/validate/row.ts'
import { ROWS } from '../../../src/simulate/validate/rows.ts'

/** What commander makes of the arguments, without running anything. */
function flagsOf(args: readonly string[]): BenchFlags {
  const program = new Command()
  registerBench(program)
  const bench = program.commands.find((command) => command.name() === 'bench')!
  bench.action(() => {})
  program.parse(args, { from: 'user' })
  return bench.opts()
}

const settings: (readonly [string, Setting])[] = ROWS.flatMap(({ id, cases }) =>
  cases.flatMap(({ name, before, after }): (readonly [string, Setting])[] => [
    [`${id} ${name}, before`, before],
    [`${id} ${name}, after`, after],
  ]),
)

describe('a row of the validation suite is what a user can type', () => {
  it.each(settings)('%s', (_, setting) => {
    const plan = benchPlan(flagsOf(commandOf(setting)))
    const spec = specOf(setting, 1)
    expect(plan.arms).toHaveLength(1)
    expect(plan.arms[0]).toMatchObject({ flush: spec.flush, free: spec.free, host: spec.host })
    expect(plan.arms[0]!.knobs).toEqual(setting.knobs ?? {})
    expect(plan.milliseconds).toBe(setting.milliseconds)
  })

  it.each(ROWS.map(({ id, cases }) => [id, cases.at(-1)!.after] as const))(
    '%s runs, at tiny size',
    (_, setting) => {
      const { workload, machine, flush = 'native' } = setting
      const small = checkHost({ ...machine, pcpus: 4, vcpus: 4, sockets: 1 }, 'test', flush)
      const { threads: _all, ...knobs } = setting.knobs ?? {}
      const result = simulate({
        ...specOf(setting, 1),
        host: small,
        knobs: { ...knobs, targets: 3 },
        milliseconds: 15,
      })
      expect(result.rate, workload).toBeGreaterThan(0)
      expect(result.violations).toBe(0)
    },
  )
})
