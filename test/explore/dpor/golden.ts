/**
 * Exact numbers of traces that other checkers publish, or that an independent enumerator found. One row is one program under
 * one memory model; `docs/engines.md` states the counting conventions.
 */
import type { Cell } from '../../../src/core/cells.ts'
import type { Task } from '../../../src/core/operation.ts'
import type { Program } from '../../../src/core/program.ts'
import * as code from './golden-programs.ts'
import { F, type Model, R, threadsOf, W, xchg } from './operations.ts'

export interface Golden {
  readonly name: string
  readonly model: Model
  readonly program: Program
  /** Traces in which everybody is done. */
  readonly complete: number
  /** Traces that end with somebody waiting, where their number is known. */
  readonly stuck?: number
  /** Takes longer than a test should: see `bench/dpor-golden.ts`. */
  readonly slow?: true
}

type Make = (model: Model) => Program
type Code = () => Task<void>

/** Straight-line threads: `Wx1` store, `Rx` load, `Xx1` exchange, `F` fence. */
function shape(text: string): Make {
  return threadsOf((cell) => {
    const known = new Map<string, Cell>()
    const named = (name: string) => {
      const found = known.get(name) ?? cell(name)
      known.set(name, found)
      return found
    }
    return text.split('||').map((column) => {
      const steps = column.split(';').map((step) => {
        const [what, x, ...value] = step.trim()
        if (what === 'F') return F
        if (what === 'R') return R(named(x!))
        return what === 'W' ? W(named(x!), Number(value.join(''))) : xchg(named(x!), Number(value.join('')))
      })
      return function* (): Task<void> {
        for (const step of steps) yield* step
      }
    })
  })
}

const rows: Golden[] = []

function row(name: string, model: Model, make: Make, complete: number, rest: Partial<Golden> = {}): void {
  rows.push({ name, model, program: make(model), complete, ...rest })
}

/** The same program under SC and under TSO; `tso` undefined when only SC is known. */
function both(name: string, make: Make, sc: number, tso?: number): void {
  row(name, 'sc', make, sc)
  if (tso !== undefined) row(name, 'tso', make, tso)
}

/** One row a parameter, under SC. */
function family(
  name: string,
  make: (n: number) => Make,
  counts: Readonly<Record<number, number>>,
  slow: readonly number[] = [],
): void {
  for (const [n, complete] of Object.entries(counts)) {
    row(`${name}(${n})`, 'sc', make(Number(n)), complete, slow.includes(Number(n)) ? { slow: true } : {})
  }
}

// Synthetic suite ------------------------------------------------------------------------------------------------------

family('readers', code.readers, { 2: 4, 3: 8, 6: 64, 8: 256, 13: 8192 })
family('lastzero', code.lastZero, { 1: 2, 2: 5, 3: 12, 4: 28, 5: 64, 8: 704, 10: 3328, 15: 147456 }, [15])
family('indexer', code.indexer, { 2: 1, 5: 1, 11: 1, 12: 8, 13: 64, 15: 4096 })
family('filesystem', code.fileSystem, { 13: 1, 14: 2, 15: 4, 16: 8, 18: 32, 19: 64, 20: 128, 26: 8192 }, [26])
family('writers and a reader', code.writersAndReader, { 1: 2, 2: 6, 3: 24, 4: 120, 5: 720 })
family('ainc', code.atomicIncrements(1), { 2: 2, 3: 6, 4: 24, 5: 120, 6: 720, 7: 5040 })
family('binc', code.atomicIncrements(2), { 2: 4, 3: 36, 4: 576 })
family('cinc', code.atomicIncrements(3), { 2: 8, 3: 216, 4: 13824 })
family('inc', code.increments, { 2: 4, 3: 36, 4: 576 })
family('rw', code.readThenWrite, { 2: 4, 3: 36, 4: 576 })
family('cas', code.casAll, { 2: 2, 3: 3, 4: 4, 5: 5 })
family('casrot', code.casRotation, { 2: 2, 3: 5, 4: 14, 5: 43, 6: 144, 7: 523, 8: 2048, 9: 8597 })
family('casw', code.casThenWrite, { 2: 6, 3: 66, 4: 1200, 5: 32880 })
family('wcas', code.writeAndCas, { 2: 5, 3: 13, 4: 33, 5: 81, 6: 193, 7: 449, 8: 1025, 9: 2305 })
family('wrw', code.writeAndReadThenWrite, { 2: 22, 3: 300, 4: 6576 })
family('wainc', code.writeAndIncrements, { 2: 6, 3: 24, 4: 120 })
family('lockinc', code.lockedIncrements(1), { 2: 2, 3: 6, 4: 24, 5: 120, 6: 720, 7: 5040 })
family('lock2inc', code.lockedIncrements(2), { 2: 2, 3: 6, 4: 24, 5: 120, 6: 720, 7: 5040 })
family('fib_bench', code.fibonacci, { 1: 11, 2: 140, 3: 1698, 4: 19605, 5: 218243 }, [4, 5])
row('publish', 'sc', code.publish, 42)

both('dekker', code.dekker(false), 3, 7)
both('dekker, fenced', code.dekker(true), 3)
both('peterson', code.peterson(false), 4, 22)
both('peterson, fenced', code.peterson(true), 4, 4)
both('szymanski', code.szymanski(false), 4, 56)
both('szymanski, fenced', code.szymanski(true), 6, 6)

// Writes, reads and their classes ------------------------------------------------------------------------------------------

family('writes, then a read, in two threads', code.writesThenRead, { 1: 4, 2: 14, 3: 50, 4: 182 })
family('redundant_co', code.redundantCoherence, { 1: 12, 2: 90, 3: 560, 4: 3150 })
row('rmw_test2', 'sc', code.rmwTest2, 600)
row('inc+inc+RR+W+RR', 'sc', code.incrementsAndReaders, 600)
both('LB3', shape('Rx;Wy1 || Ry;Wz1 || Rz;Wx1'), 7, 7)
both('CoRR1', shape('Wx1;Wx2 || Rx;Rx || Rx;Rx'), 36)
both('CoRR2', shape('Wx1 || Wx2 || Rx;Rx || Rx;Rx'), 72)
both('W+RRR+W', shape('Wx1 || Rx;Rx;Rx || Wx2'), 20)
both('fr+w+w+w+reads', shape('Wx1 || Wx2 || Wx3 || Rx;Rx;Rx;Rx'), 210)

// Published for TSO --------------------------------------------------------------------------------------------------------

both('Small_dekker', shape('Wx1;Ry || Wy1;Rx'), 3, 4)
both('Small_peterson', shape('Wx1;Wt1;Rt;Ry || Wy1;Wt0;Rt;Rx'), 6, 12)
both('ROWE', shape('Wx1;Rx || Wx2'), 3, 3)
both('Overlapping_ROWE', shape('Wx2;Rx;Ry || Wy1;Ry;Rx'), 3, 4)
both('read_read_write', shape('Wx1 || Rx || Rx'), 4, 4)
both('before_update', shape('Rx;Wy1 || Ry;Wx1'), 3, 3)
both('fib_simple', code.fibonacciSimple, 11, 11)
both('blacken_change_clock', shape('Ri || Rj;Wi2;Rj;Wi3 || Ri;Wj2'), 18, 18)
both('own_black_read', shape('Rx;Wx1 || Rx;Wx2'), 4, 4)
both('small_dekker_checker', code.dekkerChecker, 8, 12)
both('Disappearing_conflict', code.disappearingConflict, 7, 7)
both('rruu', shape('Wx1;Wy1 || Ry;Rx'), 3, 3)
both('Atomic_store_1', shape('Wx1;F;Ry || Wy1;F;Rx'), 3, 3)
both('Atomic_store_3', shape('Wx1;Wz1;F;Ry || Wy1;Wz1;F;Rx'), 4, 4)
both('Non_fences', shape('Wx1;F;Ry || Wy1;Rx'), 3, 4)
both('Mutex_3', code.mutex3, 3, 3)
both('Mutex_12', code.mutex12, 6, 6)

// Where the quality of the reduction shows -----------------------------------------------------------------------------------

const when = code.conditional

row(
  'POPL example',
  'sc',
  when('xyz', ({ x, y, z }) => [
    function* () {
      yield* W(x!, 1)
    },
    function* () {
      yield* W(y!, 1)
    },
    function* () {
      if ((yield* R(y!)) === 0) yield* W(z!, 1)
    },
    function* () {
      if ((yield* R(z!)) === 1 && (yield* R(y!)) === 0) yield* W(x!, 2)
    },
  ]),
  5,
)
row(
  'combination_lock_1',
  'sc',
  when('abcdvwxyz', ({ a, b, c, d, v, w, x, y, z }) => [
    function* () {
      yield* W(z!, 1)
    },
    function* () {
      yield* W(x!, 1)
      yield* W(a!, 1)
      if ((yield* R(y!)) !== 1) return
      yield* W(w!, 1)
      yield* W(b!, 0)
    },
    function* () {
      if ((yield* R(x!)) !== 1) return
      yield* W(y!, 1)
      yield* W(c!, 0)
      if ((yield* R(v!)) === 1) yield* R(z!)
    },
    function* () {
      if ((yield* R(w!)) !== 1) return
      yield* W(v!, 1)
      yield* W(d!, 0)
    },
  ]),
  6,
)
row(
  'etsi',
  'sc',
  when('xyz', ({ x, y, z }) =>
    [
      [x, y, z],
      [y, z, x],
      [z, x, y],
    ].map(
      ([first, second, third]): Code =>
        function* () {
          if ((yield* R(first!)) === 0) yield* W(second!, 1)
          else yield* W(third!, 0)
        },
    ),
  ),
  7,
)
both(
  'etsi_2',
  when('xy', ({ x, y }) => [writes(x!, 1), writesReads(y!, 1, x!), ifThen(x!, 1, R(y!))]),
  5,
  6,
)
row(
  'etsi_3',
  'sc',
  when('xyz', ({ x, y, z }) => [
    writes(y!, 1),
    function* () {
      yield* R(z!)
      if ((yield* R(x!)) === 0) yield* R(y!)
    },
    writes(x!, 1),
  ]),
  3,
)
row('etsi_4', 'sc', shape('Wy1 || Rx;Ry || Wx1'), 4)
row(
  'etsi_5',
  'sc',
  when('xyz', ({ x, y, z }) => [
    writes(y!, 1),
    writes(x!, 1),
    ifThen(x!, 0, W(z!, 1)),
    reads(x!, y!),
    reads(z!),
  ]),
  12,
)
row('ets_cross', 'sc', shape('Wx1;Wy1 || Wy2;Wx2'), 3)
row('depend_1', 'sc', depend([['y', 1]]), 12)
row(
  'depend_3',
  'sc',
  depend([
    ['y', 1],
    ['y', 2],
  ]),
  30,
)
row(
  'depend_5',
  'sc',
  when('xyz', ({ x, y, z }) => [
    writes(z!, 1),
    writes(x!, 1),
    function* () {
      yield* W(y!, 1)
      yield* W(y!, 2)
    },
    function* () {
      if ((yield* R(x!)) !== 0 && (yield* R(y!)) !== 0) yield* R(z!)
    },
    reads(x!),
  ]),
  12,
)
row(
  'diff_dep_3',
  'sc',
  when('xz', ({ x, z }) => [writes(x!, 1), writes(z!, 1), ifThen(z!, 1, R(x!)), reads(x!)]),
  6,
)
row('difficult_readers', 'sc', shape('Wx1 || Wx2 || Rx || Rx'), 18)
row('two_writers_readers_1', 'sc', shape('Wx1;Wx2 || Rx || Rx'), 9)
for (const [k, r, complete] of [
  [2, 1, 6],
  [3, 1, 20],
  [2, 2, 36],
  [3, 2, 400],
] as const) {
  const writer = code.upTo(k).map((i) => `Wx${i + 1}`)
  const reader = code.upTo(k).map(() => 'Rx')
  const columns = [writer, ...code.upTo(r).map(() => reader)].map((steps) => steps.join(';'))
  row(`hairbrush(${k},${r})`, 'sc', shape(columns.join('||')), complete)
}
row(
  'many_initials',
  'sc',
  when('xyz', ({ x, y, z }) => [
    writes(x!, 1),
    writes(y!, 1),
    writes(z!, 1),
    function* () {
      const a = yield* R(y!)
      if ((yield* R(z!)) === 1 && a === 1) yield* R(x!)
    },
  ]),
  5,
)
const sleepers = (more: (x: Cell, y: Cell) => readonly Code[], first?: number, any = false) =>
  when('xy', ({ x, y }) => [
    writes(y!, 1),
    writes(x!, 1),
    function* () {
      if (first !== undefined) yield* W(y!, first)
      const seen = yield* R(x!)
      if (any ? seen !== 0 : seen === 1) yield* R(y!)
    },
    ...more(x!, y!),
  ])
row(
  'sleeping_races_1',
  'sc',
  sleepers(() => []),
  3,
)
row(
  'sleeping_races_2',
  'sc',
  sleepers(() => [], 2),
  5,
)
row(
  'sleeping_races_3',
  'sc',
  sleepers((x) => [reads(x)]),
  6,
)
row(
  'sleeping_races_3, writing',
  'sc',
  sleepers((x) => [writes(x, 2)], undefined, true),
  10,
)
row(
  'sleeping_races_4',
  'sc',
  sleepers((x, y) => [reads(x), reads(y)]),
  12,
)
row(
  'sleeping_races_5',
  'sc',
  sleepers((x, y) => [reads(x, y), reads(y)]),
  24,
)
row(
  'conditional_readers_3',
  'sc',
  when('xy', ({ x, y }) => [writes(x!, 1), ifThen(y!, 0, R(x!)), readsWrites(x!, y!, 1)]),
  6,
)
row(
  'conditional_readers',
  'sc',
  when('xy', ({ x, y }) => [writes(x!, 1), ...twice(x!, y!, false)]),
  12,
)
row(
  'conditional_readers_2',
  'sc',
  when('xy', ({ x, y }) => [writes(x!, 1), ...twice(x!, y!, true)]),
  7,
)
row(
  'not_prerequisite_1',
  'sc',
  when('xy', ({ x, y }) => [
    function* () {
      yield* W(x!, 1)
      yield* W(y!, 1)
    },
    ifThen(y!, 1, R(x!)),
    writes(y!, 1),
  ]),
  7,
)

// Awaits ------------------------------------------------------------------------------------------------------------------

row('simplified_dekker', 'sc', code.simplifiedDekker, 2, { stuck: 1 })
row('broken_mutual_exclusion', 'sc', code.brokenMutualExclusion, 2, { stuck: 2 })
row('revealed_write', 'sc', code.revealedWrite, 1, { stuck: 1 })
row('dekker_lock_trylock', 'sc', code.dekkerLockTrylock, 4, { stuck: 0 })
row('parker_reproc_1', 'sc', code.parker, 6, { stuck: 1 })
row('await_mud', 'sc', code.awaitMud, 2, { stuck: 1 })
row('xchg_await against a chain', 'sc', code.xchgAwaitChain, 3, { stuck: 0 })
row('await_vs_indep_inc', 'sc', code.awaitIndependentIncrements, 10, { stuck: 24 })
for (const n of [1, 2, 3, 5, 8]) {
  for (const model of ['sc', 'tso'] as const) {
    row(`broadcast(${n})`, model, code.broadcast(false)(n), 1, { stuck: 0 })
    row(`broadcast to walkers(${n})`, model, code.broadcast(true)(n), 2 ** n, { stuck: 0 })
  }
}

// Shapes, SC and TSO side by side ----------------------------------------------------------------------------------------------

const ring = (n: number, first: string, last: string, between = '') =>
  code
    .upTo(n)
    .map((i) => {
      const next = (i + 1) % n
      const step = (text: string) => text.replace('_', 'abcd'[text.startsWith('W') ? i : next]!)
      const at = (text: string, which: number) => text.replace('_', 'abcd'[which]!)
      return first === 'R'
        ? `${at('R_', i)};${at('W_1', next)}`
        : [step(`${first}_1`), ...(between ? [between] : []), step(`${last}_`)].join(';')
    })
    .join('||')
for (const n of [2, 3, 4]) {
  both(`SB ring of ${n}`, shape(ring(n, 'W', 'R')), 2 ** n - 1, 2 ** n)
  both(`SB ring of ${n}, fenced`, shape(ring(n, 'W', 'R', 'F')), 2 ** n - 1, 2 ** n - 1)
  both(`LB ring of ${n}`, shape(ring(n, 'R', 'W')), 2 ** n - 1, 2 ** n - 1)
}
for (const [name, text, sc, tso] of [
  ['MP', 'Wx1;Wy1 || Ry;Rx', 3, 3],
  ['S', 'Wx2;Wy1 || Ry;Wx1', 3, 3],
  ['2+2W', 'Wx1;Wy2 || Wy1;Wx2', 3, 3],
  ['R', 'Wx1;Wy1 || Wy2;Rx', 3, 4],
  ['R+po+mfence', 'Wx1;Wy1 || Wy2;F;Rx', 3, 3],
  ['R+mfence+po', 'Wx1;F;Wy1 || Wy2;Rx', 3, 4],
  ['WRC', 'Wx1 || Rx;Wy1 || Ry;Rx', 7, 7],
  ['ISA2', 'Wx1;Wy1 || Ry;Wz1 || Rz;Rx', 7, 7],
  ['3.2W', 'Wx2;Wy1 || Wy2;Wz1 || Wz2;Wx1', 7, 7],
  ['3.LB', 'Rx;Wy1 || Ry;Wz1 || Rz;Wx1', 7, 7],
  ['RWC', 'Wx1 || Rx;Ry || Wy1;Rx', 7, 8],
  ['W+RWC', 'Wx1;Wy1 || Ry;Rz || Wz1;Rx', 7, 8],
  ['Z6.0', 'Wx1;Wy1 || Ry;Wz1 || Wz2;Rx', 7, 8],
  ['WRW+WR', 'Wx1 || Rx;Wy1 || Wy2;Rx', 7, 8],
  ['3.SB', 'Wx1;Ry || Wy1;Rz || Wz1;Rx', 7, 8],
  ['RWC+po+mfence', 'Wx1 || Rx;Ry || Wy1;F;Rx', 7, 7],
  ['WRW+WR+po+mfence', 'Wx1 || Rx;Wy1 || Wy2;F;Rx', 7, 7],
  ['WRR+2W', 'Wx1 || Rx;Ry || Wy1;Wx2', 9, 9],
  ['WRW+2W', 'Wx2 || Rx;Wy1 || Wy2;Wx1', 9, 9],
  ['WWC', 'Wx2 || Rx;Wy1 || Ry;Wx1', 9, 9],
  ['MP with two readers', 'Wx1;Wy1 || Ry;Rx || Ry;Rx', 9, 9],
  ['IRIW', 'Wx1 || Wy1 || Rx;Ry || Ry;Rx', 15, 15],
  ['iwp27', 'Xx1 || Xy1 || Rx;Ry || Ry;Rx', 15, 15],
  ['CoRR', 'Wx1;Wx2 || Rx;Rx', 6, 6],
  ['n1', 'Wx2;Ry || Wy1;Wx1 || Rx;Rx', 18, 24],
  ['n4', 'Rx;Wx1;Rx || Rx;Wx2;Rx', 8, 8],
  ['n5', 'Wx1;Rx || Wx2;Rx', 4, 4],
  ['n6', 'Wx1;Rx;Ry || Wy2;Wx2', 4, 5],
  ['n7', 'Wx1;Rx;Ry || Wy1 || Ry;Rx', 7, 8],
  ['n8', 'Xx1;Ry || Wy1;Rx', 3, 4],
  ['amd3', 'Wx1;Wx2;Ry || Wy1;Wy2;Rx', 5, 9],
  ['amd10', 'Wx1;F;Rx;Ry || Wy1;F;Ry;Rx', 3, 3],
  ['iwp24', 'Wx1;Rx;Ry || Wy1;Ry;Rx', 3, 4],
  ['iwp28a', 'Xx1;Ry || Xy1;Rx', 3, 3],
  ['SB+mfence+po', 'Wx1;F;Ry || Wy1;Rx', 3, 4],
  ['SB+rfi-pos', 'Wx1;Rx;Ry || Wy1;Ry;Rx', 3, 4],
] as const) {
  both(name, shape(text), sc, tso)
}
for (const [n, complete] of [
  [1, 11],
  [2, 153],
  [3, 2258],
] as const) {
  row(`fib_bench(${n})`, 'tso', code.fibonacci(n), complete)
}
both('three threads, each writes its own and reads the others', code.threeWay(false), 22, 64)
both('the same, fenced', code.threeWay(true), 22, 22)
both('seqlock', code.seqlock(1), 11, 11)
both('seqlock, two rounds', code.seqlock(2), 37, 37)
for (const [n, complete, taken, waiting] of [
  [2, 2, 2, 2],
  [3, 6, 15, 24],
  [4, 24, 124, 312],
] as const) {
  row(`test-and-set(${n})`, 'sc', code.testAndSet(false)(n), complete, { stuck: taken })
  row(`test-and-set(${n})`, 'tso', code.testAndSet(false)(n), complete)
  row(`ticket lock(${n})`, 'sc', code.ticketLock(n), complete, { stuck: waiting })
  row(`ticket lock(${n})`, 'tso', code.ticketLock(n), complete)
}
both('test-and-test-and-set(2)', code.testAndSet(true)(2), 4, 4)
both('test-and-test-and-set(3)', code.testAndSet(true)(3), 36, 36)

/** All rows. */
export const GOLDEN: readonly Golden[] = rows

// Threads that several programs have ------------------------------------------------------------------------------------------

function writes(x: Cell, value: number): Code {
  return function* () {
    yield* W(x, value)
  }
}

function reads(...cells: readonly Cell[]): Code {
  return function* () {
    for (const cell of cells) yield* R(cell)
  }
}

function writesReads(x: Cell, value: number, y: Cell): Code {
  return function* () {
    yield* W(x, value)
    yield* R(y)
  }
}

function readsWrites(x: Cell, y: Cell, value: number): Code {
  return function* () {
    yield* R(x)
    yield* W(y, value)
  }
}

function ifThen(x: Cell, value: number, then: ReturnType<typeof R> | ReturnType<typeof W>): Code {
  return function* () {
    if ((yield* R(x)) === value) yield* then as ReturnType<typeof R>
  }
}

/** Two threads that read x, or not, and write y if y is 0. */
function twice(x: Cell, y: Cell, needsX: boolean): Code[] {
  function* thread(): Task<void> {
    if ((yield* R(y)) !== 0) return
    const seen = yield* R(x)
    if (!needsX || seen === 1) yield* W(y, 1)
  }
  return [thread, thread]
}

/** Two readers of z, one of which looks at x and y first, the other at y. */
function depend(yWrites: readonly (readonly [string, number])[]): Make {
  const exact = yWrites.length === 1
  const holds = (value: number) => (exact ? value === 1 : value !== 0)
  return code.conditional('xyz', ({ x, y, z }) => [
    writes(z!, 1),
    writes(x!, 1),
    function* () {
      for (const [, value] of yWrites) yield* W(y!, value)
    },
    function* () {
      if (holds(yield* R(x!)) && holds(yield* R(y!))) yield* R(z!)
    },
    function* () {
      if (holds(yield* R(y!))) yield* R(z!)
    },
  ])
}
