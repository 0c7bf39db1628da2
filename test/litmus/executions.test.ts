/** Witnesses are executions: one for each (reads-from, coherence) over a program order. */
import { describe, expect, it } from 'vitest'
import { readLitmus } from '../../src/litmus/read.ts'
import { runLitmus } from '../../src/litmus/run.ts'
import { enumerate } from './enumerate.ts'
import { litmusText, placesOf } from './language.ts'
import { shapes } from './random.ts'

function executions(threads: string, model: 'sc' | 'tso'): number {
  const shape = { name: 't', threads, final: `${placesOf({ name: '', threads })[0]}=0` }
  const { positive, negative } = runLitmus(readLitmus('t', litmusText(shape)), model)
  return positive + negative
}

describe('published and recomputed counts of executions', () => {
  it.each([
    ['SB', 'Wx1;Ry || Wy1;Rx', 3, 4],
    ['SB ring of 3', 'Wx1;Ry || Wy1;Rz || Wz1;Rx', 7, 8],
    ['SB ring of 4', 'Wx1;Ry || Wy1;Rz || Wz1;Ra || Wa1;Rx', 15, 16],
    ['SB ring of 4 with fences', 'Wx1;F;Ry || Wy1;F;Rz || Wz1;F;Ra || Wa1;F;Rx', 15, 15],
    ['LB ring of 3', 'Rx;Wy1 || Ry;Wz1 || Rz;Wx1', 7, 7],
    ['R', 'Wx1;Wy1 || Wy2;Rx', 3, 4],
    ['R+mfence+po', 'Wx1;F;Wy1 || Wy2;Rx', 3, 4],
    ['3.2W', 'Wx2;Wy1 || Wy2;Wz1 || Wz2;Wx1', 7, 7],
    ['Z6.0', 'Wx1;Wy1 || Ry;Wz1 || Wz2;Rx', 7, 8],
    ['MP with 2 readers', 'Wx1;Wy1 || Ry;Rx || Ry;Rx', 9, 9],
    ['IRIW', 'Wx1 || Wy1 || Rx;Ry || Ry;Rx', 15, 15],
    ['CoRR', 'Wx1;Wx2 || Rx;Rx', 6, 6],
    ['n1', 'Wx2;Ry || Wy1;Wx1 || Rx;Rx', 18, 24],
    ['n4', 'Rx;Wx1;Rx || Rx;Wx2;Rx', 8, 8],
    ['n5', 'Wx1;Rx || Wx2;Rx', 4, 4],
    ['n6', 'Wx1;Rx;Ry || Wy2;Wx2', 4, 5],
    ['n7', 'Wx1;Rx;Ry || Wy1 || Ry;Rx', 7, 8],
    ['amd3', 'Wx1;Wx2;Ry || Wy1;Wy2;Rx', 5, 9],
    ['iwp24', 'Wx1;Rx;Ry || Wy1;Ry;Rx', 3, 4],
    ['ROWE', 'Wx1;Rx || Wx2', 3, 3],
    ['three writers, each reads both others', 'Wx1;Ry;Rz || Wy1;Rx;Rz || Wz1;Rx;Ry', 22, 64],
    ['the same with fences', 'Wx1;F;Ry;Rz || Wy1;F;Rx;Rz || Wz1;F;Rx;Ry', 22, 22],
    ['inc+inc+RR+W+RR', 'Xx:0>1 || Xx:0>2 || Rx;Rx || Wx3 || Rx;Rx', 600, 600],
    ['CoRR2', 'Wx1 || Wx2 || Rx;Rx || Rx;Rx', 72, 72],
  ])('%s', (_, threads, sc, tso) => {
    expect([executions(threads, 'sc'), executions(threads, 'tso')]).toEqual([sc, tso])
  })
})

describe('against every interleaving of a machine of its own', () => {
  it.each(['sc', 'tso'] as const)(
    'random programs have the same executions and outcomes under %s',
    (model) => {
      for (const shape of shapes(400, 0x11)) {
        const expected = enumerate(shape, model)
        const result = runLitmus(readLitmus('t', litmusText(shape, { all: true })), model)
        const outcomes = result.states.map(({ values }) =>
          values.map(({ location, value }) => `${location}=${value}`).join(' '),
        )
        expect({
          threads: shape.threads,
          outcomes: outcomes.sort(),
          executions: result.positive + result.negative,
        }).toEqual({
          threads: shape.threads,
          outcomes: [...expected.outcomes].sort(),
          executions: expected.executions,
        })
      }
    },
  )
})
