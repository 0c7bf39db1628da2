/** MACHINE 6: where exactness and folklore part. The results are written up in docs/findings.md. */
import { describe, expect, it } from 'vitest'
import type { Task } from '../../src/core/operation.ts'
import { NONE } from '../../src/machine/entries.ts'
import { freeFrame } from '../../src/machine/frames.ts'
import { declareVector, sendIpi } from '../../src/machine/interrupts.ts'
import { returnToUser } from '../../src/machine/modes.ts'
import { slot, xchgEntry } from '../../src/machine/paging.ts'
import { flushGuestTlb, invlpg, invpcidAll, movCr3, reloadCr3 } from '../../src/machine/tlb.ts'
import { atomic, cmpxchg, load, store, waitUntil, xchg } from '../../src/machine/variables.ts'
import { Bench, FRAMES, V } from './bench.ts'

const SITE = 'test'

describe('a table of the vmalloc range is freed after INVLPG on every CPU', () => {
  const freed = (invalidation: 'INVLPG' | 'all PCIDs') => {
    const frames = FRAMES.map((spec) =>
      ['PUD', 'PMD', 'T'].includes(spec.name) && spec.owner?.use === 'table'
        ? { ...spec, owner: { ...spec.owner, space: 'shared:kernel' } }
        : spec,
    )
    const bench = new Bench({ contexts: 2, frames, track: [V] })
    bench.write('PGDb', 4, V, bench.to('PUD'))
    for (const cpu of bench.machine.cpus) bench.do(movCr3(cpu, bench.b, 1, 'no-flush'))
    bench.write('PMD', 2, V, NONE)
    for (const cpu of bench.machine.cpus)
      bench.do(invalidation === 'INVLPG' ? invlpg(cpu, V, SITE) : invpcidAll(cpu, 'global', SITE))
    expect(bench.violated(freeFrame(bench.machine, bench.frame('T')))).toEqual([])
    return bench.violated(movCr3(bench.cpu(0), bench.a, 0, 'no-flush'))
  }
  it('and a PCID that was parked brings the upper-level entry back with a no-flush CR3 load', () =>
    expect(freed('INVLPG')).toEqual(['hardware-walk lifetime']))
  it('which an invalidation of all PCIDs prevents', () => expect(freed('all PCIDs')).toEqual([]))
})

describe('a hypervisor that flushes before it exchanges the preempted byte', () => {
  const run = (
    order: 'exchange, then flush if asked' | 'flush, then exchange' | 'flush if asked, then exchange',
  ) => {
    const bench = new Bench({ memoryModel: 'tso', track: [V] })
    const [PREEMPTED, FLUSH] = [1, 2]
    const byte = bench.machine.variable('preempted', PREEMPTED, 2)
    const cpu1 = bench.cpu(1)
    bench.map(V, 'X')
    bench.do(returnToUser(cpu1))
    bench.do(bench.host.vmExit(cpu1, 'preempted'))
    function* flusher(): Task<void> {
      yield* xchgEntry(slot(bench.machine, bench.frame('T'), 1, V), NONE)
      const asked = yield* cmpxchg(byte, PREEMPTED, PREEMPTED | FLUSH)
      // A vCPU that runs would get an IPI: not the subject here.
      if (asked === PREEMPTED) yield* freeFrame(bench.machine, bench.frame('X'))
    }
    const flush = flushGuestTlb(cpu1, { addressSpace: 'all', spans: 'all', globals: 'flushed' }, SITE)
    function* host(): Task<void> {
      if (order === 'exchange, then flush if asked') {
        if ((yield* xchg(byte, 0)) & FLUSH) yield* flush
      } else {
        if (order === 'flush, then exchange' || (yield* load(byte)) & FLUSH) yield* flush
        yield* xchg(byte, 0)
      }
      yield* bench.host.vmEntry(cpu1)
    }
    return bench.verdict(flusher, host)
  }
  it('does no harm where it always flushes, since nothing is filled outside guest mode', () =>
    expect(run('flush, then exchange')).toBe('safe'))
  it('does harm where it flushes only if asked', () =>
    expect(run('flush if asked, then exchange')).toBe('translation coherence'))
  it('and the usual order is safe', () => expect(run('exchange, then flush if asked')).toBe('safe'))
})

describe("a CPU's bit in the mask is cleared before it loads another CR3", () => {
  const run = (what: 'X' | 'T', afterwards: 'stays away' | 'comes back without a flush') => {
    const bench = new Bench({ memoryModel: 'tso', track: [V], contexts: 2 })
    const { machine } = bench
    const bit = machine.variable('mm_cpumask[1]', 1)
    const done = machine.variable('acknowledged')
    const cpu1 = bench.cpu(1)
    bench.map(V, 'X')
    const vector = declareVector(machine, 'IPI', function* (cpu) {
      yield* reloadCr3(cpu, SITE)
      yield* store(done, 1)
    })
    function* flusher(): Task<void> {
      const at =
        what === 'X' ? slot(machine, bench.frame('T'), 1, V) : slot(machine, bench.frame('PMD'), 2, V)
      yield* xchgEntry(at, NONE)
      yield* invlpg(bench.cpu(0), V, SITE)
      if ((yield* load(bit)) === 1) {
        yield* sendIpi(vector, 2n, SITE)
        yield* waitUntil([done], 'acknowledgement', ([value]) => value === 1)
      }
      yield* freeFrame(machine, bench.frame(what))
    }
    function* switcher(): Task<void> {
      yield* atomic(bit, '% = 0', () => 0)
      yield* movCr3(cpu1, bench.b, 1, 'flush')
      if (afterwards === 'stays away') return yield* returnToUser(cpu1)
      yield* atomic(bit, '% = 1', () => 1)
      yield* movCr3(cpu1, bench.a, 0, 'no-flush')
      yield* returnToUser(cpu1)
    }
    return bench.verdict(flusher, switcher)
  }
  it('harmless for a leaf page: in kernel mode it uses none, and the CR3 load is a flush', () =>
    expect(run('X', 'stays away')).toBe('safe'))
  it('not when a table is freed: it is walked into until CR3 is loaded', () =>
    expect(run('T', 'stays away')).toBe('hardware-walk lifetime'))
  it('and not with ASIDs, where the context comes back without a flush', () =>
    expect(run('X', 'comes back without a flush')).toBe('translation coherence'))
})
