/** The recorder: what it records, how often it runs guests, and what it says when they are at fault. */
import { describe, expect, it } from 'vitest'
import { CellTable } from '../../src/core/cells.ts'
import { GuestProgramError } from '../../src/core/errors.ts'
import { Operation, type Task } from '../../src/core/operation.ts'
import { type Frame, frame, type Program } from '../../src/core/program.ts'
import { call, choose } from '../../src/core/task.ts'
import { check } from '../../src/explore/check.ts'
import { collect, searchTwice } from '../../src/explore/collect.ts'
import { program } from './language.ts'

const cells = new CellTable()
const x = cells.add('x', 2)
const y = cells.add('y', 1)

function programOf(...mains: Frame[]): Program {
  const processes = mains.map((main, i) => ({
    name: `P${i}`,
    main,
    sources: [],
    buffered: false,
    daemon: false,
  }))
  return { cells, processes, bounds: [] }
}

const read = () =>
  new Operation<number>({
    kind: 'load',
    label: 'r = x',
    footprint: () => ({ loads: [x] }),
    apply: (memory) => memory.load(x),
    decode: (raw) => raw,
  })

const add = (label = 'x += 1') =>
  new Operation<void>({
    kind: 'rmw',
    label,
    footprint: () => ({ reads: [x], writes: [x] }),
    apply: (memory) => {
      memory.set(x, (memory.get(x) + 1) % 4)
      return 0
    },
  })

function fault(main: Frame, ...others: Frame[]): GuestProgramError {
  try {
    check(programOf(main, ...others))
  } catch (error) {
    if (error instanceof GuestProgramError) return error
    throw error
  }
  throw new Error('no fault was found')
}

describe('a guest that is at fault is told so', () => {
  it('when it throws', () => {
    function* walker(): Task<void> {
      yield* add()
      throw new RangeError('no such level')
    }
    const error = fault(frame(walker))
    expect(error.code).toBe('guest-throws')
    expect(error.message).toBe('walker throws: no such level')
    expect(error.cause).toBeInstanceOf(RangeError)
  })

  it('when an operation throws', () => {
    function* walker(): Task<void> {
      yield* new Operation<void>({
        kind: 'local',
        label: 'oops',
        apply: () => {
          throw new Error('bad')
        },
      })
    }
    expect(fault(frame(walker)).message).toBe('"oops" of P0 throws: bad')
  })

  it('when it yields what is no operation', () => {
    function* walker(): Task<void> {
      yield 42 as never
    }
    const error = fault(frame(walker))
    expect(error.code).toBe('guest-not-an-operation')
    expect(error.message).toMatch('walker yields 42, which is no operation')
  })

  it('when it is no generator', () => {
    const walker = () => undefined as never
    expect(fault(frame(walker)).message).toBe('walker is no generator function')
  })

  it('when it depends on more than it observes', () => {
    let runs = 0
    function* walker(): Task<void> {
      runs++
      yield* add(`run ${runs}`)
      yield* read()
      yield* add()
    }
    const error = fault(frame(walker), frame(adder))
    expect(error.code).toBe('guest-nondeterministic')
    expect(error.message).toMatch(
      'walker did not repeat itself on the same history: first rmw "run 1", then rmw "run 2"',
    )
  })

  it('even when its history never branches', () => {
    let runs = 0
    function* walker(): Task<void> {
      runs++
      yield* add(`run ${runs}`)
      yield* add()
    }
    expect(fault(frame(walker)).code).toBe('guest-nondeterministic')
  })

  it('when it passes what is no plain value', () => {
    function* helper(): Task<unknown> {
      yield* add()
      return new Map()
    }
    function* walker(): Task<void> {
      yield* call(helper)
    }
    expect(fault(frame(walker)).message).toBe(
      'the result of helper: an object of class Map is not a plain value',
    )
    function* taker(_: unknown): Task<void> {}
    expect(fault(frame(taker, Symbol('s'))).message).toBe(
      'an argument of taker: a symbol is not a plain value',
    )
  })

  it('when an operation reaches beyond its footprint', () => {
    function* walker(): Task<void> {
      yield* new Operation<void>({
        kind: 'store',
        label: 'y = 1',
        footprint: () => ({ writes: [x] }),
        apply: (memory) => {
          memory.set(y, 1)
          return 0
        },
      })
    }
    expect(fault(frame(walker)).message).toBe('"y = 1" writes y, which its footprint does not allow')
  })

  it('when a cell gets what it cannot hold', () => {
    function* walker(): Task<void> {
      yield* new Operation<void>({
        kind: 'store',
        label: 'y = -1',
        footprint: () => ({ writes: [y] }),
        apply: (memory) => {
          memory.set(y, -1)
          return 0
        },
      })
    }
    expect(fault(frame(walker)).message).toMatch('"y = -1" sets y to -1')
  })
})

function* adder(): Task<void> {
  yield* add()
}

describe('code that does not end', () => {
  it('violates progress, and names the function', () => {
    function* fillList(): Task<void> {
      for (;;) yield* add()
    }
    const verdict = check(programOf(frame(fillList)), { maxOperationsPerCall: 50 })
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.property).toBe('progress')
    expect(verdict.trail.violation.message).toMatch(/^no end within 50 steps of fillList; /)
    expect(verdict.trail.steps).toHaveLength(51)
  })

  it('is not mistaken for code that ends in time', () => {
    function* fifty(): Task<void> {
      for (let i = 0; i < 50; i++) yield* add()
    }
    expect(check(programOf(frame(fifty)), { maxOperationsPerCall: 50 }).verdict).toBe('safe')
    expect(check(programOf(frame(fifty)), { maxOperationsPerCall: 49 }).verdict).toBe('unsafe')
  })

  it('is found when it calls itself without end', () => {
    function* recurse(depth: number): Task<void> {
      yield* call(recurse, depth + 1)
    }
    const verdict = check(programOf(frame(recurse, 0)))
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.trail.violation.message).toMatch('no end of nested calls and handlers')
  })

  it('is found when it does nothing but skip what is left out', () => {
    function* spin(): Task<void> {
      for (;;)
        yield* new Operation<void>({
          kind: 'fence',
          label: 'mb',
          removable: { what: 'barrier', site: 'spin: mb' },
        })
    }
    const verdict = check(programOf(frame(spin)), {
      without: new Set(['spin: mb']),
      maxOperationsPerCall: 20,
    })
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.property).toBe('progress')
  })
})

describe('histories', () => {
  it('merge at calls: only what a helper returns is remembered', () => {
    function* helper(): Task<number> {
      const a = yield* choose(['a', 'b', 'c', 'd'])
      yield* add()
      return a % 2
    }
    function* main(): Task<void> {
      yield* call(helper)
      yield* call(helper)
      yield* add()
    }
    // The helper: 1 choice, 4 additions, 4 returns. The caller: the first call, 2 second ones, 4 additions, 4 ends.
    expect(collect(programOf(frame(main))).nodes).toBe(9 + 11)
  })

  it('do not branch on what is not observed', () => {
    function* main(): Task<void> {
      for (let i = 0; i < 10; i++) yield* add()
    }
    expect(collect(programOf(frame(main), frame(main))).nodes).toBe(11)
  })

  it('run a guest once per history, and again only where histories part', () => {
    let runs = 0
    function* main(): Task<void> {
      runs++
      yield* add()
      const which = yield* choose(['left', 'right'])
      for (let i = 0; i < 5 + which; i++) yield* add()
    }
    collect(programOf(frame(main), frame(adder)))
    expect(runs).toBe(2)
  })

  it('may be longer than 255 steps, over more than 64 cells', () => {
    const names = Array.from({ length: 80 }, (_, i) => String.fromCharCode(0x4e00 + i))
    const long = names.map((name) => `X${name}1;R${name};X${name}1;N`).join('')
    const { terminals, search } = collect(program(`${long} || X${names[79]}1`, 'sc'))
    // Only the last cell is shared.
    expect(search.states).toBeLessThan(340)
    expect(terminals.size).toBe(1)
  })

  it('share nothing that a helper returned and then changes', () => {
    function* helper(): Task<number[]> {
      yield* add()
      return [1]
    }
    function* main(): Task<void> {
      const list = yield* call(helper)
      list.push(2)
      yield* add()
    }
    expect(fault(frame(main)).message).toMatch(/main throws: .*not extensible/)
  })
})

describe('a warm automaton changes nothing (EXPLORER 10)', () => {
  it.each([
    'Wx1;Ry;=0(Lm;Xz1;Um) || Wy1;Rx;=0(Lm;Xz1;Um)',
    '{Rx;Ry};Wz1;{Rx} || {Ry};Wx1;{Rz} || Xx1;Xy1',
    'Rx;=1({Wy1;Rz}) || Ry;=1({Wz1;Rx}) || Wx1;{Rz;=1(!y0)}',
  ])('%s', (text) => {
    const [cold, warm] = searchTwice(program(text))
    expect(warm).toBe(cold)
  })
})

describe('mutants', () => {
  const fenced = (n: 0 | 1): Frame => frame(side, n)
  const flags = [x, y] as const
  function* side(n: 0 | 1): Task<void> {
    const [mine, theirs] = n === 0 ? flags : [flags[1], flags[0]]
    yield* new Operation<void>({
      kind: 'store',
      label: `flag ${n}`,
      commit: {
        key: `flag ${n}`,
        cell: mine,
        value: 1,
        label: `flag ${n}`,
        footprint: () => ({ writes: [mine] }),
        apply: (memory) => memory.set(mine, 1),
      },
    })
    yield* new Operation<void>({
      kind: 'fence',
      label: 'mb',
      drains: true,
      removable: { what: 'barrier', site: 'side: mb' },
    })
    const other = yield* new Operation<number>({
      kind: 'load',
      label: 'other flag',
      footprint: () => ({ loads: [theirs] }),
      apply: (memory) => memory.load(theirs),
      decode: (raw) => raw,
    })
    if (other === 0) {
      yield* new Operation<void>({
        kind: 'assert',
        label: 'alone',
        footprint: () => ({ reads: [seen], writes: [seen] }),
        apply: (memory) => {
          if (memory.get(seen) === 1)
            memory.violate({ property: 'assertion', message: 'both are alone', cells: [seen] })
          memory.set(seen, 1)
          return 0
        },
      })
    }
  }
  const seen = cells.add('seen', 1)
  const built = programOf(fenced(0), fenced(1))
  const buffered = { ...built, processes: built.processes.map((process) => ({ ...process, buffered: true })) }

  it('are made by leaving operations out, in the search and in the replay', () => {
    expect(check(buffered).verdict).toBe('safe')
    const mutant = check(buffered, { without: new Set(['side: mb']) })
    if (mutant.verdict !== 'unsafe') throw new Error(mutant.verdict)
    expect(mutant.trail.steps.map(({ label }) => label)).not.toContain('mb')
    expect(mutant.trail.length).toBe('proved-shortest')
  })
})
