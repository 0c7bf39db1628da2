import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { expect, it } from 'vitest'
import { registerBench } from '../../src/cli/bench.ts'
import { type BenchFlags, benchPlan } from '../../src/cli/bench-options.ts'

const text = readFileSync(new URL('../../docs/published.md', import.meta.url), 'utf8')
const commands = [...text.matchAll(/`(bench [^`]*)`/g)].map(([, command]) => command!)

/** What commander makes of a command, without running it. */
function flagsOf(command: string): BenchFlags {
  const program = new Command().exitOverride()
  registerBench(program)
  const bench = program.commands.find((one) => one.name() === 'bench')!
  bench.exitOverride().action(() => {})
  program.parse(command.split(' '), { from: 'user' })
  return bench.opts()
}

it('docs/published.md has commands', () => {
  expect(commands.length).toBeGreaterThan(20)
})

it.each(commands)('docs/published.md: %s is taken', (command) => {
  expect(benchPlan(flagsOf(command)).arms.length).toBeGreaterThan(0)
})
