import { describe, expect, test } from 'vitest'
import { type Cell, CellTable } from '../../src/core/cells.ts'
import { Operation, type Task } from '../../src/core/operation.ts'
import { frame, type Process, type Program } from '../../src/core/program.ts'
import { check } from '../../src/explore/check.ts'
import { findLivelock } from '../../src/explore/livelock.ts'
import { mutualIpiIrqsOff, mutualIpiIrqsOn } from '../../src/scenarios/liveness.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'

const put = (cell: Cell, value: number) =>
  new Operation<void>({
    kind: 'rmw',
    label: `= ${value}`,
    footprint: () => ({ writes: [cell] }),
    apply: (memory) => {
      memory.set(cell, value)
      return 0
    },
  })
const waitFor = (cell: Cell) =>
  new Operation<void>({
    kind: 'wait',
    label: 'wait',
    footprint: () => ({ reads: [cell] }),
    guard: (memory) => memory.get(cell) === 1,
  })

/** A device that interrupts for ever: its handler's states come back. */
function device(mine: Cell): Process {
  return {
    name: 'device',
    main: undefined,
    sources: [
      {
        name: 'tick',
        label: '<tick>',
        footprint: { reads: [mine], writes: [mine] },
        drains: false,
        masked: () => false,
        ready: (memory) => memory.get(mine) === 0,
        enter: (memory) => {
          memory.set(mine, 1)
          return 0
        },
        frame: () => frame(handler, mine),
      },
    ],
    buffered: false,
    daemon: false,
  }
}

function* handler(mine: Cell): Task<void> {
  yield* put(mine, 0)
}

function* waiter(flag: Cell): Task<void> {
  yield* waitFor(flag)
}

function* setter(flag: Cell): Task<void> {
  yield* put(flag, 1)
}

/** The device, a waiter for a flag, and whoever else there is. */
function withDevice(others: (flag: Cell) => readonly Pick<Process, 'name' | 'main'>[]): Program {
  const cells = new CellTable()
  const [mine, flag] = cells.addArray('cell', 2, 1) as [Cell, Cell]
  const rest = [{ name: 'waiter', main: frame(waiter, flag) }, ...others(flag)]
  const processes = rest.map((process) => ({ ...process, sources: [], buffered: false, daemon: false }))
  return { cells, processes: [device(mine), ...processes], bounds: [] }
}

describe('a fair cycle', () => {
  test('a waiter that nobody wakes, while a device goes on for ever', () => {
    const program = withDevice(() => [])
    expect(findLivelock(program)).toMatchObject({ verdict: 'livelock', waiting: ['waiter'] })
  })

  test('none where the one who wakes it is treated fairly', () => {
    const program = withDevice((flag) => [{ name: 'setter', main: frame(setter, flag) }])
    expect(findLivelock(program)).toMatchObject({ verdict: 'none' })
  })

  test('a limit: inconclusive', () => {
    expect(
      findLivelock(
        withDevice(() => []),
        { maxStates: 1 },
      ),
    ).toMatchObject({ verdict: 'inconclusive' })
  })
})

describe('two CPUs that call each other by IPI', () => {
  test('with interrupts off: a deadlock', () => {
    const program = mutualIpiIrqsOff.build(DEFAULT_OPTIONS)
    expect(check(program)).toMatchObject({ verdict: 'unsafe', property: 'progress' })
  })

  test('with interrupts on: safe, and no livelock', () => {
    expect(check(mutualIpiIrqsOn.build(DEFAULT_OPTIONS))).toMatchObject({ verdict: 'safe' })
    expect(findLivelock(mutualIpiIrqsOn.build(DEFAULT_OPTIONS))).toMatchObject({ verdict: 'none' })
  })
})
