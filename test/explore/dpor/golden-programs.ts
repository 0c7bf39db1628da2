/** Programs with known numbers of traces that need code: loops, conditions, locks. */
import type { Task } from '../../../src/core/operation.ts'
import { assume, awaitXchg, cas, F, faa, lock, R, threadsOf, unlock, until, W } from './operations.ts'

export const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

// The synthetic suite of stateless checkers -----------------------------------------------------------------------------

/** One writer, n readers. */
export const readers = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    function* writer(): Task<void> {
      yield* W(x, 42)
    }
    function* reader(): Task<void> {
      yield* R(x)
    }
    return [writer, ...upTo(n).map(() => reader)]
  })

/** One thread looks for the last zero of an array, whose elements n threads compute from each other. */
export const lastZero = (n: number) =>
  threadsOf((cell) => {
    const a = upTo(n + 1).map((i) => cell(`a[${i}]`))
    function* search(): Task<void> {
      let i = n
      while ((yield* R(a[i]!)) !== 0) i--
    }
    return [
      search,
      ...upTo(n).map(
        (j) =>
          function* (): Task<void> {
            yield* W(a[j + 1]!, (yield* R(a[j]!)) + 1)
          },
      ),
    ]
  })

/** n threads insert four messages each into a hash table. */
export const indexer = (n: number) =>
  threadsOf((cell) => {
    const table = upTo(128).map((i) => cell(`t[${i}]`))
    return upTo(n).map(
      (thread) =>
        function* (): Task<void> {
          for (const i of upTo(4)) {
            const message = i * 11 + thread
            let hash = (7 * message) % 128
            while ((yield* cas(table[hash]!, 0, message)) !== 0) hash = (hash + 1) % 128
          }
        },
    )
  })

/** n threads take blocks for their inodes. */
export const fileSystem = (n: number) =>
  threadsOf((cell) => {
    const [inodes, blocks] = [32, 26]
    const lockInode = upTo(inodes).map((i) => cell(`locki[${i}]`))
    const inode = upTo(inodes).map((i) => cell(`inode[${i}]`))
    const lockBlock = upTo(blocks).map((i) => cell(`lockb[${i}]`))
    const busy = upTo(blocks).map((i) => cell(`busy[${i}]`))
    return upTo(n).map(
      (thread) =>
        function* (): Task<void> {
          const i = thread % inodes
          yield* lock(lockInode[i]!)
          if ((yield* R(inode[i]!)) === 0) {
            for (let b = (2 * i) % blocks; ; b = (b + 1) % blocks) {
              yield* lock(lockBlock[b]!)
              if ((yield* R(busy[b]!)) === 0) {
                yield* W(busy[b]!, 1)
                yield* W(inode[i]!, b + 1)
                yield* unlock(lockBlock[b]!)
                break
              }
              yield* unlock(lockBlock[b]!)
            }
          }
          yield* unlock(lockInode[i]!)
        },
    )
  })

/** n writers of distinct values, and one reader. */
export const writersAndReader = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    function* reader(): Task<void> {
      yield* R(x)
    }
    return [
      ...upTo(n).map(
        (i) =>
          function* (): Task<void> {
            yield* W(x, i + 1)
          },
      ),
      reader,
    ]
  })

/** n threads increment `cells` counters, atomically. */
export const atomicIncrements = (cells: number) => (n: number) =>
  threadsOf((cell) => {
    const counters = upTo(cells).map((i) => cell(`c${i}`))
    return upTo(n).map(
      () =>
        function* (): Task<void> {
          for (const counter of counters) yield* faa(counter, 1)
        },
    )
  })

export const increments = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return upTo(n).map(
      (i) =>
        function* (): Task<void> {
          yield* W(x, (yield* R(x)) + 2 ** i)
        },
    )
  })

export const readThenWrite = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return upTo(n).map(
      (i) =>
        function* (): Task<void> {
          yield* R(x)
          yield* W(x, i)
        },
    )
  })

/** One write beside n threads that read and write. */
export const writeAndReadThenWrite = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return [
      function* (): Task<void> {
        yield* W(x, 42)
      },
      ...upTo(n).map(
        (i) =>
          function* (): Task<void> {
            yield* R(x)
            yield* W(x, i + 1)
          },
      ),
    ]
  })

export const casAll = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return upTo(n).map(
      (i) =>
        function* (): Task<void> {
          yield* cas(x, 0, i + 1)
        },
    )
  })

export const casRotation = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return upTo(n).map(
      (i) =>
        function* (): Task<void> {
          yield* cas(x, i, i + 1)
        },
    )
  })

export const casThenWrite = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return upTo(n).map(
      (i) =>
        function* (): Task<void> {
          yield* cas(x, 0, 1)
          yield* W(x, i + 3)
        },
    )
  })

export const writeAndCas = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    function* writer(): Task<void> {
      yield* W(x, 2)
    }
    return [
      writer,
      ...upTo(n).map(
        () =>
          function* (): Task<void> {
            yield* cas(x, 2, 3)
          },
      ),
    ]
  })

export const writeAndIncrements = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    function* writer(): Task<void> {
      yield* W(x, 42)
    }
    return [
      writer,
      ...upTo(n).map(
        () =>
          function* (): Task<void> {
            yield* faa(x, 1)
          },
      ),
    ]
  })

/** n threads increment `cells` counters under one lock. */
export const lockedIncrements = (cells: number) => (n: number) =>
  threadsOf((cell) => {
    const mutex = cell('mutex')
    const counters = upTo(cells).map((i) => cell(`c${i}`))
    return upTo(n).map(
      () =>
        function* (): Task<void> {
          yield* lock(mutex)
          for (const counter of counters) yield* W(counter, (yield* R(counter)) + 1)
          yield* unlock(mutex)
        },
    )
  })

export const dekker = (fenced: boolean) =>
  threadsOf((cell) => {
    const [x, y, c] = [cell('x'), cell('y'), cell('c')]
    return [0, 1].map((t) => {
      const [mine, others] = t === 0 ? [y, x] : [x, y]
      return function* (): Task<void> {
        yield* W(mine, 1)
        if (fenced) yield* F
        if ((yield* R(others)) !== 0) return
        yield* W(c, 1 - t)
        yield* R(c)
      }
    })
  })

export const peterson = (fenced: boolean) =>
  threadsOf((cell) => {
    const flags = [cell('f1'), cell('f2')]
    const [turn, x] = [cell('t'), cell('x')]
    return [0, 1].map(
      (t) =>
        function* (): Task<void> {
          yield* W(flags[t]!, 1)
          yield* W(turn, 1 - t)
          if (fenced) yield* F
          const free = (yield* R(flags[1 - t]!)) !== 1
          yield* assume(free || (yield* R(turn)) !== 1 - t)
          yield* W(x, t)
          yield* R(x)
          yield* W(flags[t]!, 0)
        },
    )
  })

export const szymanski = (fenced: boolean) =>
  threadsOf((cell) => {
    const flags = [cell('f0'), cell('f1')]
    const x = cell('x')
    return [0, 1].map((t) => {
      const [me, other] = [flags[t]!, flags[1 - t]!]
      function* fence(): Task<void> {
        if (fenced) yield* F
      }
      return function* (): Task<void> {
        yield* W(me, 1)
        yield* fence()
        yield* assume((yield* R(other)) < 3)
        yield* W(me, 3)
        yield* fence()
        if ((yield* R(other)) === 1) {
          yield* W(me, 2)
          yield* fence()
          yield* assume((yield* R(other)) === 4)
        }
        yield* W(me, 4)
        yield* fence()
        yield* assume((yield* R(other)) < 2)
        yield* W(x, t)
        yield* R(x)
        if (fenced) yield* R(x)
        yield* fence()
        if (fenced) yield* assume(2 > (yield* R(other)) || (yield* R(other)) > 3)
        yield* W(me, 0)
      }
    })
  })

export const fibonacci = (n: number) =>
  threadsOf((cell) => {
    const [x, y] = [cell('x', 1), cell('y', 1)]
    const adds = [x, y].map(
      (target) =>
        function* (): Task<void> {
          for (const _ of upTo(n)) {
            const a = yield* R(x)
            yield* W(target, a + (yield* R(y)))
          }
        },
    )
    function* judge(): Task<void> {
      if ((yield* R(x)) <= 144) yield* R(y)
    }
    return [...adds, judge]
  })

export const publish = threadsOf((cell) => {
  const [x, flag] = [cell('x'), cell('flag')]
  function* reader(): Task<void> {
    for (let tries = 0; (yield* R(flag)) !== 1; tries++) if (tries === 40) return
    yield* R(x)
  }
  function* writer(): Task<void> {
    yield* W(x, 42)
    yield* W(flag, 1)
  }
  return [reader, writer]
})

// Reads-from suites and TSO tests ------------------------------------------------------------------------------------------

export const writesThenRead = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    return [0, 1].map(
      (t) =>
        function* (): Task<void> {
          for (const i of upTo(n)) yield* W(x, 2 * i + t + 1)
          yield* R(x)
        },
    )
  })

export const redundantCoherence = (n: number) =>
  threadsOf((cell) => {
    const x = cell('x')
    const writers = [1, 2].map(
      (value) =>
        function* (): Task<void> {
          for (const _ of upTo(n)) yield* W(x, value)
        },
    )
    function* reader(): Task<void> {
      yield* R(x)
      yield* R(x)
    }
    return [...writers, reader]
  })

export const rmwTest2 = threadsOf((cell) => {
  const x = cell('x')
  function* add(): Task<void> {
    yield* faa(x, 1)
  }
  function* load(): Task<void> {
    yield* R(x)
  }
  const stores = [11, 12].map(
    (value) =>
      function* (): Task<void> {
        yield* W(x, value)
      },
  )
  return [add, add, load, load, ...stores]
})

export const incrementsAndReaders = threadsOf((cell) => {
  const x = cell('x')
  function* add(): Task<void> {
    yield* faa(x, 1)
  }
  function* readTwice(): Task<void> {
    yield* R(x)
    yield* R(x)
  }
  function* writer(): Task<void> {
    yield* W(x, 10)
  }
  return [add, add, readTwice, writer, readTwice]
})

export const fibonacciSimple = threadsOf((cell) => {
  const [i, j] = [cell('i', 1), cell('j', 1)]
  function* reads(): Task<void> {
    yield* R(i)
    yield* R(j)
  }
  return [
    reads,
    ...[i, j].map(
      (target) =>
        function* (): Task<void> {
          const a = yield* R(i)
          yield* W(target, a + (yield* R(j)))
        },
    ),
  ]
})

export const dekkerChecker = threadsOf((cell) => {
  const [x, y, c] = [cell('x'), cell('y'), cell('c')]
  return [0, 1].map((t) => {
    const [mine, others] = t === 0 ? [x, y] : [y, x]
    return function* (): Task<void> {
      yield* W(mine, 1)
      if ((yield* R(others)) === 0) yield* R(c)
      yield* W(c, 1)
    }
  })
})

export const disappearingConflict = threadsOf((cell) => {
  const [x, y] = [cell('x'), cell('y')]
  function* reader(): Task<void> {
    for (const _ of upTo(5)) if ((yield* R(x)) !== 0) return
    yield* R(y)
  }
  function* writer(): Task<void> {
    yield* W(y, 1)
    yield* W(x, 1)
  }
  return [reader, writer]
})

export const mutex3 = threadsOf((cell) => {
  const [x, y, mutex] = [cell('x'), cell('y'), cell('mutex')]
  function* reader(): Task<void> {
    yield* lock(mutex)
    yield* R(y)
    yield* unlock(mutex)
    yield* R(x)
  }
  function* writer(): Task<void> {
    yield* W(x, 1)
    yield* lock(mutex)
    yield* W(y, 1)
    yield* unlock(mutex)
  }
  return [reader, writer]
})

export const mutex12 = threadsOf((cell) => {
  const mutex = cell('mutex')
  function* twice(): Task<void> {
    for (const _ of upTo(2)) {
      yield* lock(mutex)
      yield* unlock(mutex)
    }
  }
  return [twice, twice]
})

// Awaits and deadlocks ---------------------------------------------------------------------------------------------------

const is = (wanted: number) => [`is ${wanted}`, (value: number) => value === wanted] as const

export const simplifiedDekker = threadsOf((cell) => {
  const flags = [cell('x'), cell('y')]
  return [0, 1].map(
    (t) =>
      function* (): Task<void> {
        yield* W(flags[t]!, 1)
        yield* until(flags[1 - t]!, ...is(0))
        yield* W(flags[t]!, 0)
      },
  )
})

export const brokenMutualExclusion = threadsOf((cell) => {
  const x = cell('x')
  function* enter(): Task<void> {
    yield* until(x, ...is(0))
    yield* W(x, 1)
  }
  return [enter, enter]
})

export const revealedWrite = threadsOf((cell) => {
  const [x, y] = [cell('x'), cell('y')]
  function* waits(): Task<void> {
    yield* until(x, ...is(0))
    yield* W(y, 1)
  }
  function* writes(): Task<void> {
    yield* W(x, 1)
    yield* until(y, ...is(1))
  }
  return [waits, writes]
})

export const dekkerLockTrylock = threadsOf((cell) => {
  const [x, y] = [cell('x'), cell('y')]
  function* tries(): Task<void> {
    yield* W(x, 1)
    yield* R(y)
    yield* W(x, 0)
  }
  function* waits(): Task<void> {
    yield* W(y, 1)
    yield* until(x, ...is(0))
    yield* W(y, 0)
  }
  return [tries, waits]
})

export const parker = threadsOf((cell) => {
  const [x, y, p, c, g, u] = [cell('x'), cell('y'), cell('p'), cell('c'), cell('g'), cell('u')]
  function* parks(): Task<void> {
    yield* W(x, 1)
    if ((yield* R(y)) !== 0) return
    yield* W(p, 1)
    yield* W(x, 0)
    yield* W(c, 0)
  }
  function* unparks(): Task<void> {
    yield* W(y, 1)
    yield* until(x, ...is(0))
    const s = yield* R(c)
    yield* W(c, 1)
    yield* W(y, 0)
    if (s < 1) yield* W(p, 0)
    yield* W(g, 1)
    yield* W(u, 1)
  }
  return [parks, unparks]
})

export const awaitMud = threadsOf((cell) => {
  const [w, x, y, z] = [cell('w'), cell('x'), cell('y'), cell('z')]
  const [spawned, ended] = [cell('spawned'), cell('ended')]
  function* writer(): Task<void> {
    yield* W(y, 1)
  }
  function* parent(): Task<void> {
    if ((yield* R(y)) !== 0) {
      yield* W(spawned, 2)
      return
    }
    yield* W(spawned, 1)
    yield* R(x)
    yield* until(ended, ...is(1))
    yield* W(z, 1)
    yield* R(w)
    yield* W(z, 42)
  }
  function* child(): Task<void> {
    yield* until(spawned, 'is decided', (value) => value > 0)
    if ((yield* R(spawned)) === 2) return
    yield* W(x, 1)
    yield* W(w, 1)
    yield* W(ended, 1)
  }
  function* waits(): Task<void> {
    yield* until(z, ...is(42))
  }
  return [writer, parent, child, waits]
})

export const xchgAwaitChain = threadsOf((cell) => {
  const a = cell('a')
  function* adds(): Task<void> {
    for (const _ of upTo(3)) yield* faa(a, 1)
  }
  function* waits(): Task<void> {
    yield* awaitXchg(a, 'not 2', (old) => old !== 2, 0)
  }
  return [adds, waits]
})

export const awaitIndependentIncrements = threadsOf((cell) => {
  const x = cell('x')
  function* waits(): Task<void> {
    yield* until(x, ...is(7))
  }
  return [
    ...[2, 4, 3, 1].map(
      (by) =>
        function* (): Task<void> {
          yield* faa(x, by)
        },
    ),
    waits,
  ]
})

/** n requests, then n waits for acknowledgements; responders look at the entry first, or not. */
export const broadcast = (walks: boolean) => (n: number) =>
  threadsOf((cell) => {
    const entry = cell('pte')
    const [requests, tlbs, acks] = ['request', 'tlb', 'ack'].map((name) =>
      upTo(n).map((i) => cell(`${name}[${i}]`)),
    )
    function* sender(): Task<void> {
      if (walks) yield* W(entry, 1)
      for (const request of requests!) yield* W(request, 1)
      for (const ack of acks!) yield* until(ack, ...is(1))
    }
    return [
      sender,
      ...upTo(n).map(
        (i) =>
          function* (): Task<void> {
            if (walks) yield* R(entry)
            yield* until(requests![i]!, ...is(1))
            yield* W(tlbs![i]!, 1)
            yield* W(acks![i]!, 1)
          },
      ),
    ]
  })

// Small shapes with conditions -------------------------------------------------------------------------------------------

/** Every thread writes its own cell and reads those of the two others. */
export const threeWay = (fenced: boolean) =>
  threadsOf((cell) => {
    const cells = [cell('x'), cell('y'), cell('z')]
    return upTo(3).map(
      (i) =>
        function* (): Task<void> {
          yield* W(cells[i]!, 1)
          if (fenced) yield* F
          for (const j of upTo(3)) if (j !== i) yield* R(cells[j]!)
        },
    )
  })

export const seqlock = (rounds: number) =>
  threadsOf((cell) => {
    const [s, a, b] = [cell('s'), cell('a'), cell('b')]
    function* writer(): Task<void> {
      for (const round of upTo(rounds)) {
        yield* W(s, 2 * round + 1)
        yield* W(a, round + 1)
        yield* W(b, round + 1)
        yield* W(s, 2 * round + 2)
      }
    }
    function* reader(): Task<void> {
      if ((yield* R(s)) % 2 !== 0) return
      yield* R(a)
      yield* R(b)
      yield* R(s)
    }
    return [writer, reader]
  })

export const testAndSet = (looksFirst: boolean) => (n: number) =>
  threadsOf((cell) => {
    const l = cell('lock')
    return upTo(n).map(
      () =>
        function* (): Task<void> {
          if (looksFirst) yield* assume((yield* R(l)) === 0)
          yield* assume((yield* cas(l, 0, 1)) === 0)
          yield* W(l, 0)
        },
    )
  })

export const ticketLock = (n: number) =>
  threadsOf((cell) => {
    const [next, serving] = [cell('next'), cell('serving')]
    return upTo(n).map(
      () =>
        function* (): Task<void> {
          const ticket = yield* faa(next, 1)
          yield* assume((yield* R(serving)) === ticket)
          yield* W(serving, ticket + 1)
        },
    )
  })

/** Straight-line threads with a condition each: an instruction is code, a text is a shape. */
export const conditional = (
  names: string,
  threads: (
    cells: Record<string, import('../../../src/core/cells.ts').Cell>,
  ) => readonly (() => Task<void>)[],
) => threadsOf((cell) => threads(Object.fromEntries([...names].map((name) => [name, cell(name)]))))
