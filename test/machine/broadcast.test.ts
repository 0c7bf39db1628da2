/** INVLPGB and TLBSYNC (MACHINE 2): what is there at the one is gone after the other, and nothing else. */
import { describe, expect, it } from 'vitest'
import { NONE } from '../../src/machine/entries.ts'
import { type BroadcastRequest, invlpgb, tlbsync } from '../../src/machine/tlb.ts'
import { Bench, V, W } from './bench.ts'

function prepared(): Bench {
  const bench = new Bench({ invlpgb: true, contexts: 2 })
  bench.map(V, 'X')
  bench.map(W, 'Y')
  bench.unmap(V)
  bench.unmap(W)
  return bench
}

const issue = (bench: Bench, request: BroadcastRequest = {}, cpu = 0) =>
  bench.do(invlpgb(bench.cpu(cpu), 'test', request))
const sync = (bench: Bench, cpu = 0) => bench.do(tlbsync(bench.cpu(cpu), 'test'))

describe('INVLPGB', () => {
  it('takes nothing out by itself: what it marks stays usable', () => {
    const bench = prepared()
    issue(bench)
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('has taken effect on every CPU after TLBSYNC of the CPU that issued it', () => {
    const bench = prepared()
    issue(bench, { va: V })
    sync(bench)
    expect(bench.reaches(0, V)).toEqual([])
    expect(bench.reaches(1, V)).toEqual([])
    expect(bench.reaches(1, W)).toEqual(['Y'])
  })
  it('is not waited for by the TLBSYNC of another CPU', () => {
    const bench = prepared()
    issue(bench)
    sync(bench, 1)
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('does not match another PCID, nor global entries unless they are included', () => {
    const bench = prepared()
    issue(bench, { pcid: 1 })
    sync(bench)
    expect(bench.reaches(0, V)).toEqual(['X'])
    bench.map(V, 'X', { user: true, global: true })
    bench.unmap(V)
    issue(bench)
    sync(bench)
    expect(bench.reaches(0, V)).toEqual(['X'])
    issue(bench, { globals: 'included' })
    sync(bench)
    expect(bench.reaches(0, V)).toEqual([])
  })
  it('leaves upper-level entries alone with "final translation only"', () => {
    for (const [levels, left] of [
      ['final only', true],
      [undefined, false],
    ] as const) {
      const bench = prepared()
      bench.write('PMD', 2, V, NONE)
      issue(bench, { va: V, ...(levels && { levels }) })
      sync(bench)
      expect(bench.walksInto(1).includes('T')).toBe(left)
    }
  })
})

describe('what is filled between INVLPGB and TLBSYNC', () => {
  it('stays: an invalidation at TLBSYNC by address would take it out', () => {
    const bench = prepared()
    issue(bench, { va: V })
    bench.map(V, 'Y')
    bench.unmap(V)
    sync(bench)
    expect(bench.reaches(1, V)).toEqual(['Y'])
  })
  it('stays also where the same translation was there before', () => {
    const bench = prepared()
    issue(bench, { va: V })
    bench.map(V, 'X')
    bench.unmap(V)
    sync(bench)
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('so a flush before the entry is cleared is in vain', () => {
    const bench = new Bench({ invlpgb: true })
    bench.map(V, 'X')
    issue(bench, { va: V })
    bench.unmap(V)
    sync(bench)
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('goes if it came through an upper-level entry of the same request, for its address only', () => {
    const bench = new Bench({ invlpgb: true })
    bench.write('PMD', 2, V, NONE)
    issue(bench, { va: V })
    bench.map(V, 'X')
    bench.map(W, 'Y')
    expect(bench.reaches(1, V)).toEqual(['X'])
    sync(bench)
    expect(bench.reaches(1, V)).toEqual([])
    expect(bench.reaches(1, W)).toEqual(['Y'])
  })
})

it('a machine without the option says what to do', () => {
  const bench = new Bench()
  expect(() => issue(bench)).toThrow('needs `invlpgb: true`')
})
