import { describe, expect, test } from 'vitest'
import { CellTable } from '../../src/core/cells.ts'
import { Operation, type Task } from '../../src/core/operation.ts'
import { frame, type Goal, type Program } from '../../src/core/program.ts'
import { coverGoals } from '../../src/explore/vacuity.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { threadTable } from '../../src/scenarios/thread-table.ts'

/** Two processes that each set a cell and clear it again; the goals are about both cells at once. */
function twoFlags(locked: 'locked' | 'free'): Program {
  const cells = new CellTable()
  const flags = cells.addArray('flag', 2, 1)
  const lock = cells.add('lock', 1)
  const put = (cell: typeof lock, value: number, guard?: true) =>
    new Operation<void>({
      kind: 'rmw',
      label: `${cells.name(cell)} = ${value}`,
      footprint: () => ({ reads: [cell], writes: [cell] }),
      ...(guard && { guard: (memory) => memory.get(cell) === 0 }),
      apply: (memory) => {
        memory.set(cell, value)
        return 0
      },
    })
  const process = (name: string, own: typeof lock) => ({
    name,
    main: frame(function* setAndClear(): Task<void> {
      if (locked === 'locked') yield* put(lock, 1, true)
      yield* put(own, 1)
      yield* put(own, 0)
      if (locked === 'locked') yield* put(lock, 0)
    }),
    sources: [],
    buffered: false,
    daemon: false,
  })
  const both: Goal = {
    name: 'both flags are set',
    cells: () => flags,
    holds: (memory) => flags.every((flag) => memory.get(flag) === 1),
  }
  return { cells, processes: flags.map((flag, i) => process(`P${i}`, flag)), bounds: [], goals: [both] }
}

describe('goals', () => {
  test('reached, with a shortest witness', () => {
    const [cover] = coverGoals(() => twoFlags('free'))
    expect(cover).toMatchObject({ goal: 'both flags are set', answer: 'reached' })
    expect(cover?.witness?.steps).toHaveLength(3)
  })

  test('unreachable where a lock is in the way', () => {
    expect(coverGoals(() => twoFlags('locked'))).toMatchObject([{ answer: 'unreachable' }])
  })

  test('unknown where the search does not end', () => {
    expect(coverGoals(() => twoFlags('locked'), { maxStates: 2 })).toMatchObject([{ answer: 'unknown' }])
  })
})

test("the thread's race: IPIs meet walks with native flushes, and kicks with hypercalls", () => {
  const answers = (flush: string, free: string) => {
    const build = () => threadTable.build({ ...DEFAULT_OPTIONS, flush, free })
    return new Map(coverGoals(build, { shortest: false }).map(({ goal, answer }) => [goal, answer]))
  }
  const native = answers('native', 'immediate')
  expect(native.get('the vector IPI is pending for a CPU inside a software walk')).toBe('reached')
  const hyperv = answers('hyperv', 'rcu')
  expect(hyperv.get("the host's kick is pending for a CPU inside a software walk")).toBe('reached')
  expect(hyperv.get('the vector IPI is pending for a CPU inside a software walk')).toBe('unreachable')
  expect(hyperv.get('a grace period has to wait for an open section')).toBe('reached')
})
