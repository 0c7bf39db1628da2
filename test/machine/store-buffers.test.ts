/** MACHINE 3: what drains a store buffer, and what does not. */
import { describe, expect, it } from 'vitest'
import type { Task } from '../../src/core/operation.ts'
import { NONE } from '../../src/machine/entries.ts'
import { freeFrame } from '../../src/machine/frames.ts'
import { declareVector, localIrqRestore, localIrqSave, sendIpi } from '../../src/machine/interrupts.ts'
import { returnToUser } from '../../src/machine/modes.ts'
import { slot, writeEntry, xchgEntry } from '../../src/machine/paging.ts'
import { rcuReadLock, rcuReadUnlock } from '../../src/machine/rcu.ts'
import {
  invlpg,
  invlpgb,
  invpcidAll,
  invpcidContext,
  movCr3,
  reloadCr3,
  tlbsync,
  toggleCr4Pge,
} from '../../src/machine/tlb.ts'
import {
  assert,
  atomic,
  load,
  rmw,
  smpMb,
  spinLock,
  spinUnlock,
  store,
  waitUntil,
} from '../../src/machine/variables.ts'
import { Bench, V } from './bench.ts'

const SITE = 'test'

function setUp() {
  const bench = new Bench({ memoryModel: 'tso', invlpgb: true, rcuSlots: 1, contexts: 2, track: [V] })
  const [x, y, zeros, lock, flag] = ['x', 'y', 'zeros', 'lock', 'flag'].map((name) =>
    bench.machine.variable(name, 0, 2),
  ) as [Flag, Flag, Flag, Flag, Flag]
  /** Both CPUs have read 0: the mark of a store that was still in its buffer. */
  function* read(from: Flag): Task<void> {
    if ((yield* load(from)) !== 0) return
    const others = yield* rmw(zeros, 'inc %', (n) => n + 1)
    yield* assert(others === 0, 'one of two sees the store of the other')
  }
  function* partner(): Task<void> {
    yield* store(y, 1)
    yield* smpMb(SITE)
    yield* read(x)
  }
  return { bench, cpu: bench.cpu(0), x, y, lock, flag, read, partner }
}
type Flag = ReturnType<Bench['machine']['variable']>
type Setup = ReturnType<typeof setUp>

/** Store x; something; load y. Against: store y; fence; load x. */
function between(something: (at: Setup) => Task<unknown> | Iterable<never>): string {
  const at = setUp()
  function* main(): Task<void> {
    yield* store(at.x, 1)
    yield* something(at) as Task<unknown>
    yield* at.read(at.y)
  }
  return at.bench.verdict(main, at.partner)
}

describe('drain a store buffer', () => {
  it.each<[string, (at: Setup) => Task<unknown>]>([
    [
      'MFENCE',
      function* () {
        yield* smpMb(SITE)
      },
    ],
    [
      'a locked instruction',
      function* ({ lock }) {
        yield* atomic(lock, 'inc %', (n) => n + 1)
      },
    ],
    [
      'taking a lock',
      function* ({ lock }) {
        yield* spinLock(lock, SITE)
      },
    ],
    [
      'INVLPG',
      function* ({ cpu }) {
        yield* invlpg(cpu, V, SITE)
      },
    ],
    [
      'a reload of CR3',
      function* ({ cpu }) {
        yield* reloadCr3(cpu, SITE)
      },
    ],
    [
      'MOV CR3 without a flush',
      function* ({ cpu, bench }) {
        yield* movCr3(cpu, bench.b, 1, 'no-flush')
      },
    ],
    [
      'MOV CR4',
      function* ({ cpu }) {
        yield* toggleCr4Pge(cpu, SITE)
      },
    ],
    [
      'TLBSYNC',
      function* ({ cpu }) {
        yield* tlbsync(cpu, SITE)
      },
    ],
    [
      'VM exit and entry',
      function* ({ cpu, bench }) {
        yield* bench.host.vmExit(cpu, 'exit')
        yield* bench.host.vmEntry(cpu)
      },
    ],
    [
      'a locked exchange of an entry',
      function* ({ bench }) {
        yield* xchgEntry(slot(bench.machine, bench.frame('Tb'), 1, V), NONE)
      },
    ],
  ])('%s', (_, something) => {
    expect(between(something)).toBe('safe')
  })
  it('the delivery of an interrupt', () => {
    const at = setUp()
    const vector = declareVector(at.bench.machine, 'vector', () => at.read(at.y))
    at.bench.do(localIrqSave(at.cpu, SITE))
    at.bench.set(vector.pending[0]!, 1)
    function* main(): Task<void> {
      yield* store(at.x, 1)
      yield* localIrqRestore(at.cpu, 'on')
    }
    expect(at.bench.verdict(main, at.partner)).toBe('safe')
  })
  it('IRET', () => {
    const at = setUp()
    const vector = declareVector(at.bench.machine, 'vector', function* () {
      yield* store(at.x, 1)
      yield* store(at.flag, 1)
    })
    at.bench.do(sendIpi(vector, 1n, SITE))
    function* main(): Task<void> {
      yield* waitUntil([at.flag], 'the handler has run', ([flag]) => flag === 1)
      yield* at.read(at.y)
    }
    expect(at.bench.verdict(main, at.partner)).toBe('safe')
  })
})

describe('do not drain a store buffer', () => {
  it.each<[string, (at: Setup) => Task<unknown>]>([
    ['nothing', function* () {}],
    [
      'INVPCID',
      function* ({ cpu }) {
        yield* invpcidContext(cpu, 0, SITE)
        yield* invpcidAll(cpu, 'global', SITE)
      },
    ],
    [
      'INVLPGB',
      function* ({ cpu }) {
        yield* invlpgb(cpu, SITE)
      },
    ],
    [
      'CLI and STI',
      function* ({ cpu }) {
        yield* localIrqRestore(cpu, yield* localIrqSave(cpu, SITE))
      },
    ],
    [
      'the release of a lock',
      function* ({ lock }) {
        yield* spinUnlock(lock)
      },
    ],
    [
      'rcu_read_lock and unlock',
      function* ({ cpu }) {
        yield* rcuReadUnlock(cpu, yield* rcuReadLock(cpu, SITE))
      },
    ],
  ])('%s', (_, something) => {
    expect(between(something)).toBe('assertion')
  })
  it('the ICR write of an IPI', () => {
    const at = setUp()
    const vector = declareVector(at.bench.machine, 'vector', function* () {})
    function* main(): Task<void> {
      yield* store(at.x, 1)
      yield* sendIpi(vector, 2n, SITE)
      yield* at.read(at.y)
    }
    expect(at.bench.verdict(main, at.partner)).toBe('assertion')
  })
})

describe('walks read memory, never a store buffer', () => {
  const unmapThen = (flush: 'INVPCID' | 'INVLPG') => {
    const at = setUp()
    at.bench.map(V, 'X')
    at.bench.values[at.bench.cpu(1).cr3] = at.bench.machine.cr3s.id({ root: at.bench.b.root, pcid: 1 })
    function* main(): Task<void> {
      yield* writeEntry(slot(at.bench.machine, at.bench.frame('T'), 1, V), NONE)
      if (flush === 'INVLPG') yield* invlpg(at.cpu, V, SITE)
      else yield* invpcidContext(at.cpu, 0, SITE)
      yield* smpMb(SITE)
      yield* freeFrame(at.bench.machine, at.bench.frame('X'))
      yield* returnToUser(at.cpu)
    }
    return at.bench.verdict(main)
  }
  it('an INVPCID that overtakes the buffered store of the entry is in vain, also on the same CPU', () => {
    expect(unmapThen('INVPCID')).toBe('translation coherence')
    expect(unmapThen('INVLPG')).toBe('safe')
  })
})
