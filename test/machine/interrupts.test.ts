/** MACHINE 4: IF, vectors, handlers, NMIs, guest and host mode. */
import { describe, expect, it } from 'vitest'
import { NONE } from '../../src/machine/entries.ts'
import { freeFrame } from '../../src/machine/frames.ts'
import {
  declareNmi,
  declareVector,
  localIrqRestore,
  localIrqSave,
  sendIpi,
} from '../../src/machine/interrupts.ts'
import type { Cpu } from '../../src/machine/machine.ts'
import { returnToUser } from '../../src/machine/modes.ts'
import { assert, atomic, load, store, waitUntil } from '../../src/machine/variables.ts'
import { Bench, V } from './bench.ts'

const SITE = 'test'

function setUp() {
  const bench = new Bench({ track: [V] })
  const flag = bench.machine.variable('flag')
  const runs = bench.machine.variable('runs', 0, 2)
  const wait = () => waitUntil([flag], 'flag', ([value]) => value === 1)
  return { bench, flag, runs, wait, cpu: bench.cpu(1) }
}

describe('vectors', () => {
  it('coalesce: two IPIs to a CPU with IF=0 are one interrupt', () => {
    const { bench, runs } = setUp()
    const vector = declareVector(bench.machine, 'IPI', function* () {
      yield* atomic(runs, 'inc %', (n) => n + 1)
    })
    const twice = () => {
      bench.do(sendIpi(vector, 2n, SITE))
      bench.do(sendIpi(vector, 2n, SITE))
    }
    bench.do(localIrqSave(bench.cpu(1), SITE))
    twice()
    const verdict = bench.verdict(
      function* () {},
      function* main() {
        yield* localIrqRestore(bench.cpu(1), 'on')
        yield* waitUntil([runs], 'runs', ([n]) => n! > 0)
        yield* assert((yield* load(runs)) === 1, 'one run')
      },
    )
    expect(verdict).toBe('safe')
  })
  it('wake a CPU that waits with IF=1, not one that waits with IF=0', () => {
    for (const masked of [false, true]) {
      const { bench, flag, wait, cpu } = setUp()
      const vector = declareVector(bench.machine, 'IPI', function* () {
        yield* store(flag, 1)
      })
      const verdict = bench.verdict(
        function* sender() {
          yield* sendIpi(vector, 2n, SITE)
        },
        function* waiter() {
          if (masked) yield* localIrqSave(cpu, SITE)
          yield* wait()
        },
      )
      expect(verdict).toBe(masked ? 'progress' : 'safe')
    }
  })
  it('nest only where a handler turns interrupts on', () => {
    for (const nests of [false, true]) {
      const nested = setUp()
      const depth = nested.runs
      const open = ['A', 'B'].map((name) =>
        declareVector(nested.bench.machine, name, function* deep(cpu: Cpu) {
          const outer = yield* load(depth)
          yield* assert(outer === 0, 'nobody is interrupted')
          yield* store(depth, 1)
          if (nests) yield* localIrqRestore(cpu, 'on')
          yield* store(depth, 0)
        }),
      )
      for (const vector of open) nested.bench.do(sendIpi(vector, 2n, SITE))
      expect(
        nested.bench.verdict(
          function* () {},
          function* () {},
        ),
      ).toBe(nests ? 'assertion' : 'safe')
    }
  })
})

describe('NMIs', () => {
  it('arrive with IF=0, and wake a wait', () => {
    const { bench, flag, wait, cpu } = setUp()
    declareNmi(
      bench.machine,
      function* () {
        yield* store(flag, 1)
      },
      1,
      [cpu],
    )
    const waiter = function* () {
      yield* localIrqSave(cpu, SITE)
      yield* wait()
    }
    expect(bench.verdict(function* () {}, waiter)).toBe('safe')
    expect(bench.machine.bounds).toEqual(['at most 1 NMI on each of 1 CPU'])
  })
  it('do not interrupt an NMI handler', () => {
    const { bench, runs, cpu } = setUp()
    declareNmi(
      bench.machine,
      function* () {
        yield* assert((yield* load(runs)) === 0, 'one handler at a time')
        yield* store(runs, 1)
        yield* store(runs, 0)
      },
      2,
      [cpu],
    )
    expect(
      bench.verdict(
        function* () {},
        function* () {},
      ),
    ).toBe('safe')
  })
  it('an interrupt handler that returns to user mode makes translations usable: IRET is checked', () => {
    const { bench, cpu } = setUp()
    bench.map(V, 'X')
    declareVector(bench.machine, 'IPI', function* () {})
    const vector = bench.machine.program().processes[1]!.sources[0]!
    bench.do(returnToUser(cpu))
    const raw = vector.enter(bench)
    expect(bench.get(cpu.user)).toBe(0)
    bench.unmap(V)
    expect(bench.violated(freeFrame(bench.machine, bench.frame('X')))).toEqual([])
    const { fn, args } = vector.frame(raw)
    expect(bench.violated(fn(...args))).toEqual(['translation coherence'])
  })
})

describe('guest and host mode', () => {
  it('a host vector forces an exit whatever guest IF is; a guest vector does not', () => {
    for (const byHost of [true, false]) {
      const { bench, flag, wait, cpu } = setUp()
      const handler = function* () {
        yield* store(flag, 1)
      }
      const kick = bench.host.declareVector('kick', handler)
      const vector = declareVector(bench.machine, 'IPI', handler)
      const verdict = bench.verdict(
        function* sender() {
          yield* byHost ? bench.host.raise(kick, 1, SITE) : sendIpi(vector, 2n, SITE)
        },
        function* waiter() {
          yield* localIrqSave(cpu, SITE)
          yield* wait()
        },
      )
      expect(verdict).toBe(byHost ? 'safe' : 'progress')
    }
  })
  it('a VM entry with a host vector pending executes no guest instruction before the vector is handled', () => {
    const { bench, cpu } = setUp()
    const kick = bench.host.declareVector('kick', function* () {})
    bench.do(bench.host.vmExit(cpu, 'exit'))
    bench.do(bench.host.raise(kick, 1, SITE))
    expect(bench.do(bench.host.tryEntry(cpu))).toBe(0)
    expect(bench.get(cpu.guest)).toBe(0)
    expect(bench.do(bench.host.tryEntry(cpu))).toBe(-1)
    expect(bench.get(cpu.guest)).toBe(1)
  })
  it('guest vectors and NMIs wait while the vCPU is out of guest mode', () => {
    const { bench, cpu } = setUp()
    const vector = declareVector(bench.machine, 'IPI', function* () {})
    declareNmi(bench.machine, function* () {}, 1)
    bench.do(sendIpi(vector, 2n, SITE))
    const { sources } = bench.machine.program().processes[1]!
    bench.do(bench.host.vmExit(cpu, 'exit'))
    expect(sources.map((source) => source.masked(bench))).toEqual([true, true])
    expect(sources.every((source) => source.ready(bench))).toBe(true)
  })
  it('VM entry makes translations usable, and is checked', () => {
    const { bench, cpu } = setUp()
    bench.map(V, 'X')
    bench.do(returnToUser(cpu))
    bench.do(bench.host.vmExit(cpu, 'preempted'))
    bench.unmap(V)
    expect(bench.violated(freeFrame(bench.machine, bench.frame('X')))).toEqual([])
    bench.write('PMD', 2, V, NONE)
    expect(bench.violated(bench.host.tryEntry(cpu))).toEqual(['translation coherence'])
  })
})
