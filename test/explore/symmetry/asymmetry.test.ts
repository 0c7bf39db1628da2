/** Which CPUs are taken for interchangeable, and how it is noticed that they are not. */
import { describe, expect, it } from 'vitest'
import { type Cell, CellTable, type CpuName, cpuName } from '../../../src/core/cells.ts'
import { Operation, type Task } from '../../../src/core/operation.ts'
import { frame, type Process, type Program } from '../../../src/core/program.ts'
import { check } from '../../../src/explore/check.ts'
import { DEFAULT_OPTIONS } from '../../../src/scenarios/scenario.ts'
import { threadTable } from '../../../src/scenarios/thread-table.ts'

const CPUS = [0, 1, 2]

/** A step that reads some cells and writes a value into others. */
function step(label: string, reads: readonly Cell[], writes: readonly Cell[], value: number) {
  return new Operation<number>({
    kind: 'rmw',
    label,
    footprint: () => ({ reads, writes }),
    apply: (memory) => {
      for (const cell of writes) memory.set(cell, value)
      return reads.reduce((sum, cell) => sum + memory.get(cell), 0)
    },
    decode: (raw) => raw,
  })
}

/** Three CPUs with a cell each; `run` is what all of them run. */
function three(
  run: (cpu: number, own: readonly Cell[], shared: Cell) => Task<void>,
  change: {
    readonly name?: (cpu: number) => string | CpuName
    readonly initial?: (cpu: number) => number
    readonly more?: (cpu: number) => readonly unknown[]
    readonly cpu?: (cpu: number) => number
  } = {},
): Program {
  const cells = new CellTable()
  const shared = cells.add('shared', 2)
  const own = CPUS.map((cpu) =>
    cells.add(change.name?.(cpu) ?? cpuName`own[${cpu}]`, 2, change.initial?.(cpu) ?? 0),
  )
  function* main(cpu: number, ..._: readonly unknown[]): Task<void> {
    yield* run(cpu, own, shared)
  }
  const processes = CPUS.map(
    (cpu): Process => ({
      name: `CPU${cpu}`,
      cpu: change.cpu?.(cpu) ?? cpu,
      main: frame(main, cpu, ...(change.more?.(cpu) ?? [])),
      sources: [],
      buffered: true,
      daemon: false,
    }),
  )
  return { cells, processes, bounds: [] }
}

function* alike(cpu: number, own: readonly Cell[], shared: Cell): Task<void> {
  yield* step('set own', [], [own[cpu]!], 1)
  const seen = yield* step('count', own, [], 0)
  if (seen > 1) yield* step('set shared', [], [shared], 1)
}

const symmetryOf = (program: Program) => check(program).symmetry

describe('CPUs that run the same code', () => {
  it('are interchangeable, and the verdict says so', () => {
    const { verdict, symmetry, counts } = check(three(alike))
    expect(verdict).toBe('safe')
    expect(symmetry?.classes).toEqual([['CPU0', 'CPU1', 'CPU2']])
    expect(symmetry?.checkedSteps).toBeGreaterThan(0)
    const without = check(three(alike), { symmetry: false })
    expect(without.symmetry).toBeUndefined()
    expect(counts.states).toBeLessThan(without.counts.states)
  })

  it('are the walkers of the thread: all CPUs but the one that unmaps', () => {
    const build = (flush: string, cpus: number) => threadTable.build({ ...DEFAULT_OPTIONS, flush, cpus })
    expect(symmetryOf(build('native', 2))).toBeUndefined()
    expect(symmetryOf(build('native', 4))?.classes).toEqual([['CPU1', 'CPU2', 'CPU3']])
  })

  it('are not made use of for a certificate', () => {
    const { symmetry } = check(three(alike), { onSafe: () => {} })
    expect(symmetry).toEqual({ classes: [], reason: 'a certificate is of a search without it' })
  })

  it('are not candidates with other arguments', () => {
    const program = three(alike, { more: (cpu) => [`walk ${cpu}`] })
    expect(symmetryOf(program)).toEqual({
      classes: [],
      reason: 'CPU0 and CPU1 run the same with other arguments',
    })
  })

  it('fall into classes by their arguments', () => {
    const program = three(alike, { more: (cpu) => [cpu === 0 ? 'writer' : 'reader'] })
    expect(symmetryOf(program)?.classes).toEqual([['CPU1', 'CPU2']])
  })

  it('are not candidates where their cells start with other values', () => {
    const reason = 'CPU0 and CPU1 run the same, and own[0] tells them apart at the start'
    expect(symmetryOf(three(alike, { initial: (cpu) => cpu }))).toEqual({ classes: [], reason })
  })
})

describe('a symmetry that is none', () => {
  const refuses = (program: Program, reason: string) => {
    const without = check(program, { symmetry: false })
    const { verdict, symmetry, counts } = check(program)
    expect(symmetry).toEqual({ classes: [], reason })
    expect(verdict).toBe(without.verdict)
    expect(counts.states).toBe(without.counts.states)
  }

  it('is found where a loop goes through the CPUs in order', () => {
    const program = three(function* forEachCpu(_, own) {
      for (const cell of own) yield* step('look', [cell], [], 0)
    })
    refuses(program, 'CPU0 does not treat CPU0 and CPU1 alike: "look"')
  })

  it('is found where a value names a CPU', () => {
    const program = three(function* leavesItsNumber(cpu, _, shared) {
      yield* step('shared = number', [], [shared], cpu)
      yield* step('look', [shared], [], 0)
    })
    refuses(program, 'CPU0 does not treat CPU0 and CPU1 alike: "shared = number"')
  })

  it('is found where the first of several CPUs is chosen', () => {
    const program = three(function* picksFirst(cpu, own) {
      yield* step('set own', [], [own[cpu]!], 1)
      yield* new Operation<number>({
        kind: 'load',
        label: 'first',
        footprint: () => ({ reads: own }),
        apply: (memory) => own.findIndex((cell) => memory.get(cell) === 1),
        decode: (raw) => raw,
      })
      yield* step('clear own', [], [own[cpu]!], 0)
    })
    expect(symmetryOf(program)?.reason).toMatch(/does not treat .* alike/)
  })

  it('is found where a cell is said to belong to another CPU', () => {
    const program = three(alike, { name: (cpu) => cpuName`own[${(cpu + 1) % 3}]` })
    expect(symmetryOf(program)?.reason).toMatch(/does not treat .* alike: "set own"/)
  })

  it('is found where a cell is said to belong to none', () => {
    const program = three(alike, { name: (cpu) => `own[${cpu}]` })
    expect(symmetryOf(program)?.reason).toMatch(/does not treat .* alike: "set own"/)
  })

  it('is found where a process is said to be another CPU', () => {
    const program = three(alike, { cpu: (cpu) => 2 - cpu })
    // The number that it is given is not its own.
    expect(symmetryOf(program)?.classes ?? []).toEqual([])
  })
})
