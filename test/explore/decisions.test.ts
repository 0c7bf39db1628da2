/** Guards and effects are run once for each distinct reading, and asked from then on. */
import { describe, expect, it } from 'vitest'
import { CellTable } from '../../src/core/cells.ts'
import { Operation, type Task } from '../../src/core/operation.ts'
import { frame, type Program } from '../../src/core/program.ts'
import { check } from '../../src/explore/check.ts'
import { collect } from '../../src/explore/collect.ts'

/** One process for each function, with and without a store buffer. */
function program(cells: CellTable, buffered: boolean, ...mains: (() => Task<void>)[]): Program {
  const processes = mains.map((main, p) => ({
    name: `P${p}`,
    main: frame(main),
    sources: [],
    buffered,
    daemon: false,
  }))
  return { cells, processes, bounds: [] }
}

describe('decision trees', () => {
  it('run the code of an effect once for each value that it reads', () => {
    const cells = new CellTable()
    const x = cells.add('x', 8)
    const y = cells.add('y', 8)
    let runs = 0
    const add = new Operation<void>({
      kind: 'rmw',
      label: 'x = (x + 1) % 3',
      footprint: () => ({ reads: [x], writes: [x] }),
      apply: (memory) => {
        runs++
        memory.set(x, (memory.get(x) + 1) % 3)
        return 0
      },
    })
    const count = new Operation<void>({
      kind: 'rmw',
      label: 'y++',
      footprint: () => ({ reads: [y], writes: [y] }),
      apply: (memory) => {
        memory.set(y, memory.get(y) + 1)
        return 0
      },
    })
    function* adder(): Task<void> {
      for (let i = 0; i < 6; i++) {
        yield* add
        yield* count
      }
    }
    const found = collect(program(cells, false, adder, adder))
    expect([...found.terminals]).toEqual(['0 12 | done done'])
    // Histories share nothing but what they read: at most three values at each of the six places, for each of two functions.
    expect(runs).toBeLessThanOrEqual(2 * 6 * 3)
  })

  it('do not keep what a load finds after a write of the same operation', () => {
    const cells = new CellTable()
    const x = cells.add('x', 4)
    const seen = cells.add('seen', 4)
    const store = new Operation<void>({
      kind: 'store',
      label: 'x = 1',
      commit: {
        key: 'x=1',
        cell: x,
        value: 1,
        label: 'x = 1',
        footprint: () => ({ writes: [x] }),
        apply: (memory) => memory.set(x, 1),
      },
    })
    const odd = new Operation<void>({
      kind: 'rmw',
      label: 'x = 2; seen = x',
      footprint: () => ({ loads: [x], writes: [x, seen] }),
      apply: (memory) => {
        memory.set(x, 2)
        memory.set(seen, memory.load(x))
        return 0
      },
    })
    function* main(): Task<void> {
      yield* store
      yield* odd
    }
    // With the store still in the buffer, the load is forwarded from it: it finds 1, not what the operation has just written.
    const { terminals } = collect(program(cells, true, main))
    expect([...terminals].sort()).toEqual(['1 1 | done', '2 2 | done'])
  })

  it('report an effect that depends on more than the cells it reads', () => {
    const cells = new CellTable()
    const x = cells.add('x', 4)
    let calls = 0
    const drift = new Operation<void>({
      kind: 'rmw',
      label: 'x = calls',
      footprint: () => ({ reads: [x], writes: [x] }),
      apply: (memory) => {
        memory.get(x)
        memory.set(x, ++calls % 4)
        return 0
      },
    })
    function* main(): Task<void> {
      yield* drift
    }
    expect(() => check(program(cells, false, main, main))).toThrow(
      '"x = calls" did not repeat itself on the same values',
    )
  })
})
