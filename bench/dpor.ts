/**
 * How fast the second engine is:
 *
 *     node bench/dpor.ts
 *
 * Executions and events are exact; times are the best of three runs on one thread, recording of the automata included.
 */

import { CellTable } from '../src/core/cells.ts'
import type { Task } from '../src/core/operation.ts'
import { frame, type Program } from '../src/core/program.ts'
import { dpor } from '../src/explore/dpor/dpor.ts'
import * as code from '../test/explore/dpor/golden-programs.ts'
import { R, W } from '../test/explore/dpor/operations.ts'

/** Two threads of `length` operations each: stores to the own cell and loads of the other's, in turn. */
function storeBuffering(length: number): Program {
  const cells = new CellTable()
  const xy = [cells.add('x', 4), cells.add('y', 4)]
  function* thread(mine: number): Task<void> {
    for (let i = 0; i < length; i += 2) {
      yield* W(xy[mine]!, i + 1)
      yield* R(xy[1 - mine]!)
    }
  }
  const processes = [0, 1].map((i) => ({
    name: `T${i}`,
    main: frame(thread, i),
    sources: [],
    buffered: false,
    daemon: false,
  }))
  return { cells, processes, bounds: [] }
}

const PROGRAMS: readonly (readonly [string, Program, number?])[] = [
  ['store buffering, 2 x 24 operations (first 5 million events)', storeBuffering(24), 5_000_000],
  ['readers(13)', code.readers(13)('sc')],
  ['lastzero(12)', code.lastZero(12)('sc')],
  ['indexer(15)', code.indexer(15)('sc')],
  ['casw(5)', code.casThenWrite(5)('sc')],
  ['lockinc(7)', code.lockedIncrements(1)(7)('sc')],
  ['fib_bench(4)', code.fibonacci(4)('sc')],
  ['fib_bench(3), TSO', code.fibonacci(3)('tso')],
  ['broadcast to walkers(10), TSO', code.broadcast(true)(10)('tso')],
]

console.log('| program | executions | events | time | executions/s | events/s |')
console.log('|---|---:|---:|---:|---:|---:|')
for (const [name, program, maxStates] of PROGRAMS) {
  let best = Number.POSITIVE_INFINITY
  let last = dpor(program, { goOn: true, maxStates: 1 })
  for (let run = 0; run < 3; run++) {
    const start = process.cpuUsage()
    last = dpor(program, { goOn: true, ...(maxStates !== undefined && { maxStates }) })
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / 1e6)
  }
  const { complete, blocked, events } = last.traces
  const rate = (n: number) => Math.round(n / best).toLocaleString('en-US')
  const executions = complete + blocked
  console.log(
    `| ${name} | ${executions.toLocaleString('en-US')} | ${events.toLocaleString('en-US')} | ` +
      `${best.toFixed(2)} s | ${rate(executions)} | ${rate(events)} |`,
  )
}
