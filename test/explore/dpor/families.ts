/** Well-known programs, written as a user would: over `SharedMemory`, with the operations of the library. */
import type { Task } from '../../../src/core/operation.ts'
import type { Program } from '../../../src/core/program.ts'
import {
  assume,
  fetchAdd,
  mfence,
  mutexLock,
  mutexTryLock,
  mutexUnlock,
  SharedMemory,
} from '../../../src/machine/shared-memory.ts'
import {
  cmpxchg,
  load,
  spinLock,
  spinUnlock,
  store,
  type Variable,
  waitUntil,
  xchg,
} from '../../../src/machine/variables.ts'

type Model = 'sc' | 'tso'
type Int = Variable<number>

export const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

/** A program of threads over a memory. */
const over =
  (make: (memory: SharedMemory) => void) =>
  (model: Model): Program => {
    const memory = new SharedMemory(model)
    make(memory)
    return memory.program()
  }

const await1 = (x: Int, value: number) =>
  waitUntil([x], `await ${x.name} == ${value}`, ([seen]) => seen === value)

/** n pairs that have nothing to do with each other. */
export const independentPairs = (n: number) =>
  over((memory) => {
    for (const i of upTo(n)) {
      const [x, y] = [memory.variable(`x${i}`), memory.variable(`y${i}`)]
      for (const [mine, other] of [
        [x, y],
        [y, x],
      ] as const) {
        memory.thread(function* () {
          yield* store(mine, 1)
          yield* load(other)
        })
      }
    }
  })

export const writers = (n: number) =>
  over((memory) => {
    const x = memory.variable('x')
    for (const i of upTo(n))
      memory.thread(function* () {
        yield* store(x, i + 1)
      })
  })

export const coherenceChain = (writes: number, reads: number) =>
  over((memory) => {
    const x = memory.variable('x')
    memory.thread(function* () {
      for (const i of upTo(writes)) yield* store(x, i + 1)
    })
    memory.thread(function* () {
      for (const _ of upTo(reads)) yield* load(x)
    })
  })

/** A token goes round once: everybody waits for his turn. */
export const tokenRing = (n: number) =>
  over((memory) => {
    const token = memory.variable('token')
    for (const i of upTo(n)) {
      memory.thread(function* () {
        yield* await1(token, i)
        yield* store(token, i + 1)
      })
    }
  })

/** Everybody increments under a lock: n! orders. */
export const locked = (n: number, how: 'mutex' | 'spinlock') =>
  over((memory) => {
    const [lock, x] = [memory.variable('lock'), memory.variable('x')]
    for (const _ of upTo(n)) {
      memory.thread(function* () {
        yield* how === 'mutex' ? mutexLock(lock) : spinLock(lock, 'here')
        yield* store(x, (yield* load(x)) + 1)
        yield* how === 'mutex' ? mutexUnlock(lock) : spinUnlock(lock)
      })
    }
  })

export const tryLocks = (n: number) =>
  over((memory) => {
    const [lock, x] = [memory.variable('lock'), memory.variable('x')]
    for (const _ of upTo(n)) {
      memory.thread(function* () {
        if (!(yield* mutexTryLock(lock))) return
        yield* store(x, (yield* load(x)) + 1)
        yield* mutexUnlock(lock)
      })
    }
  })

/** Counters that many increment: each is an order of n. */
export const counters = (n: number, k: number) =>
  over((memory) => {
    const c = memory.array('c', k)
    for (const _ of upTo(n))
      memory.thread(function* () {
        for (const x of c) yield* fetchAdd(x, 1)
      })
  })

/** Ticket lock with a blocking wait. */
export const ticketLock = (n: number) =>
  over((memory) => {
    const [next, owner, x] = [memory.variable('next'), memory.variable('owner'), memory.variable('x')]
    for (const _ of upTo(n)) {
      memory.thread(function* () {
        const ticket = yield* fetchAdd(next, 1)
        yield* await1(owner, ticket)
        yield* store(x, (yield* load(x)) + 1)
        yield* store(owner, ticket + 1)
      })
    }
  })

/** MCS lock: a queue of waiters, each of which spins on a word of its own. */
export const mcsLock = (n: number) =>
  over((memory) => {
    const tail = memory.variable('tail')
    const successor = memory.array('next', n)
    const waiting = memory.array('waiting', n)
    const x = memory.variable('x')
    for (const i of upTo(n)) {
      memory.thread(function* () {
        yield* store(waiting[i]!, 1)
        const before = yield* xchg(tail, i + 1)
        if (before !== 0) {
          yield* store(successor[before - 1]!, i + 1)
          yield* await1(waiting[i]!, 0)
        }
        yield* store(x, (yield* load(x)) + 1)
        if ((yield* load(successor[i]!)) === 0) {
          if ((yield* cmpxchg(tail, i + 1, 0)) === i + 1) return
          yield* waitUntil([successor[i]!], 'await successor', ([seen]) => seen !== 0)
        }
        const after = yield* load(successor[i]!)
        yield* store(waiting[after - 1]!, 0)
      })
    }
  })

/** Peterson's lock with blocking waits. */
export const peterson = (fences: boolean) =>
  over((memory) => {
    const flags = memory.array('flag', 2)
    const [turn, x] = [memory.variable('turn'), memory.variable('x')]
    for (const i of upTo(2)) {
      const other = 1 - i
      memory.thread(function* () {
        yield* store(flags[i]!, 1)
        yield* store(turn, other)
        if (fences) yield* mfence()
        yield* waitUntil([flags[other]!, turn], 'await turn', ([flag, whose]) => flag === 0 || whose === i)
        yield* store(x, i)
        yield* load(x)
        yield* store(flags[i]!, 0)
      })
    }
  })

/** A stack without locks; who loses the race gives up. */
export const treiberStack = (n: number) =>
  over((memory) => {
    const top = memory.variable('top')
    const below = memory.array('next', n)
    for (const i of upTo(n)) {
      memory.thread(function* () {
        const head = yield* load(top)
        yield* store(below[i]!, head)
        yield* assume((yield* cmpxchg(top, head, i + 1)) === head)
      })
    }
  })

/** Everybody arrives, and goes on when all have. */
export const barrier = (n: number) =>
  over((memory) => {
    const [count, go] = [memory.variable('count'), memory.variable('go')]
    for (const _ of upTo(n)) {
      memory.thread(function* () {
        if ((yield* fetchAdd(count, 1)) === n - 1) yield* store(go, 1)
        else yield* await1(go, 1)
      })
    }
  })

/** One reads a value that goes through many hands: n threads pass it on, if they see it. */
export const relay = (n: number) =>
  over((memory) => {
    const x = memory.array('x', n + 1)
    memory.thread(function* () {
      yield* store(x[0]!, 1)
    })
    for (const i of upTo(n)) {
      memory.thread(function* (): Task<void> {
        if ((yield* load(x[i]!)) === 1) yield* store(x[i + 1]!, 1)
      })
    }
  })

/** Doubly checked initialisation, with and without the mutex around it. */
export const onceInit = (n: number) =>
  over((memory) => {
    const [ready, lock, data] = [memory.variable('ready'), memory.variable('lock'), memory.variable('data')]
    for (const i of upTo(n)) {
      memory.thread(function* () {
        if ((yield* load(ready)) === 0) {
          yield* mutexLock(lock)
          if ((yield* load(ready)) === 0) {
            yield* store(data, i + 1)
            yield* store(ready, 1)
          }
          yield* mutexUnlock(lock)
        }
        yield* load(data)
      })
    }
  })
