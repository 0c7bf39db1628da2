import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readLitmus } from '../../src/litmus/read.ts'
import { runLitmus } from '../../src/litmus/run.ts'
import { CATALOGUE } from './catalogue.ts'
import { BOTH, NEITHER, ONLY_TSO } from './coatcheck.ts'
import { litmusText, type Shape } from './language.ts'
import { SUITE_FILES, SUITES } from './suites.ts'

function observe(shape: Shape, model: 'tso' | 'sc') {
  return runLitmus(readLitmus(shape.name, litmusText(shape, { all: true })), model)
}

const reachable = (shape: Shape, model: 'tso' | 'sc') => observe(shape, model).positive > 0

describe("COATCheck's 92 tests", () => {
  it('are 92', () => expect([ONLY_TSO.length, BOTH.length, NEITHER.length]).toEqual([20, 4, 68]))
  it.each(ONLY_TSO)('$name is reachable under TSO only', (shape) => {
    expect([reachable(shape, 'tso'), reachable(shape, 'sc')]).toEqual([true, false])
  })
  it.each(BOTH)('$name is reachable under TSO and SC', (shape) => {
    expect([reachable(shape, 'tso'), reachable(shape, 'sc')]).toEqual([true, true])
  })
  it.each(NEITHER)('$name is not reachable', (shape) => {
    expect([reachable(shape, 'tso'), reachable(shape, 'sc')]).toEqual([false, false])
  })
})

describe("herd's x86_64 catalogue", () => {
  it('has 28 tests', () => expect(CATALOGUE.length).toBe(28))
  it.each(CATALOGUE)('$name: $tso, and as many outcomes as published', (shape) => {
    const [sc, tso] = [observe(shape, 'sc'), observe(shape, 'tso')]
    expect([sc.observation, tso.observation]).toEqual([
      'Never',
      shape.tso === 'Allow' ? 'Sometimes' : 'Never',
    ])
    expect([sc.states.length, tso.states.length]).toEqual(shape.outcomes)
  })
})

it.each(SUITE_FILES)(
  'the file $path is what its shape says (node test/litmus/suites.ts)',
  ({ path, text }) => {
    expect(readFileSync(join(SUITES, path), 'utf8')).toBe(text)
  },
)
