/** Random tests in all spellings: the same final states, and the same answer, as a machine that never saw the text. */
import { describe, expect, it } from 'vitest'
import { readLitmus } from '../../src/litmus/read.ts'
import { runLitmus } from '../../src/litmus/run.ts'
import { finals, type Program, programs } from './stress.ts'

const RUNS = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)
const REGISTERS = ['rax', 'rbx', 'rcx', 'r8']

/** The final states that our run found, named as the judge does. */
function states(text: string, { threads }: Program, model: 'sc' | 'tso') {
  const result = runLitmus(readLitmus('random.litmus', text), model)
  const names = result.states.map(({ values }) => {
    const value = (location: string) => values.find((one) => one.location === location)?.value
    const registers = threads.map((_, t) => REGISTERS.map((name) => value(`${t}:${name}`)).join(' '))
    return [...registers, ['x', 'y', 'z'].map((name) => value(`[${name}]`)).join(' ')].join('; ')
  })
  return { result, names }
}

describe.each(['tso', 'sc'] as const)('random tests in all spellings, %s', (model) => {
  it('have the final states and the answer of a plain machine', () => {
    const answers = new Set<string>()
    for (const { program, text } of programs(RUNS, seed)) {
      const wanted = finals(program, model)
      const { result, names } = states(text, program, model)
      expect(names.toSorted(), text).toEqual([...wanted.keys()].sort())
      const held = [...wanted.values()]
      const some = held.includes(true)
      const all = !held.includes(false)
      const observation = all ? 'Always' : some ? 'Sometimes' : 'Never'
      const ok = program.quantifier === 'exists' ? some : program.quantifier === 'forall' ? all : !some
      expect({ observation: result.observation, ok: result.ok }, text).toEqual({ observation, ok })
      answers.add(`${program.quantifier} ${observation}`)
    }
    expect(answers.size).toBe(9)
  })
})
