import { describe, expect, it } from 'vitest'
import { TLB_FLUSH_ALL } from '../../src/kernel/flush-info.ts'
import { flushPlace, handlerOutcome, nativeTargets, planFlush } from '../../src/kernel/flush-rules.ts'

const START = 0x7f6053d87000n
const PAGE = 0x1000n
const HUGE = 0x200000n

describe('flush_tlb_mm_range decides between pages and everything', () => {
  it('flushes 33 pages one by one', () => {
    expect(planFlush(START, START + 33n * PAGE)).toMatchObject({
      kind: 'ranged',
      strides: 33n,
      basePages: 33n,
    })
  })

  it('flushes everything from 34 pages on', () => {
    expect(planFlush(START, START + 34n * PAGE)).toEqual({ kind: 'full', start: 0n, end: TLB_FLUSH_ALL })
  })

  it('counts strides, not pages, against the ceiling', () => {
    expect(planFlush(HUGE, 2n * HUGE, 21)).toMatchObject({ kind: 'ranged', strides: 1n, basePages: 512n })
  })

  it('flushes everything when asked to', () => {
    expect(planFlush(0n, TLB_FLUSH_ALL).kind).toBe('full')
  })

  it('calls the backend only for other CPUs', () => {
    expect(flushPlace(0b101n, 0, true)).toBe('multi')
    expect(flushPlace(0b001n, 0, true)).toBe('local')
    expect(flushPlace(0b000n, 0, false)).toBe('nowhere')
  })
})

describe('native_flush_tlb_multi chooses whom it interrupts', () => {
  const usual = { mask: 0b1111n, cpu: 0, freedTables: false, lazy: 0b0110n }

  it('leaves lazy CPUs out', () => {
    expect(nativeTargets(usual)).toBe(0b1000n)
  })

  it('interrupts lazy CPUs too when tables are freed', () => {
    expect(nativeTargets({ ...usual, freedTables: true })).toBe(0b1110n)
  })

  it('left out CPUs that had another mm loaded, since 6.14', () => {
    expect(nativeTargets({ ...usual, lazy: 0n, loaded: 0b0011n, rule: 'loaded' })).toBe(0b0010n)
  })
})

describe('flush_tlb_func', () => {
  const usual = {
    end: START + PAGE,
    newTlbGen: 5,
    local: false,
    loadedMm: 'this',
    lazy: false,
    localGen: 4,
    mmGen: 5,
  } as const

  it('flushes the range when exactly its generation is missing', () => {
    expect(handlerOutcome(usual)).toEqual({ kind: 'partial', mmGen: 5 })
  })

  it('flushes everything when an earlier generation is missing too', () => {
    expect(handlerOutcome({ ...usual, localGen: 3 })).toEqual({ kind: 'full', mmGen: 5 })
  })

  it('flushes everything when a later generation has begun', () => {
    expect(handlerOutcome({ ...usual, mmGen: 6 })).toEqual({ kind: 'full', mmGen: 6 })
  })

  it('does nothing when a later generation is already there', () => {
    expect(handlerOutcome({ ...usual, localGen: 5, mmGen: 6 })).toEqual({ kind: 'superfluous' })
  })

  it('takes generation 0 for no generation: it is never superfluous', () => {
    expect(handlerOutcome({ ...usual, newTlbGen: 0, end: TLB_FLUSH_ALL }).kind).toBe('full')
    expect(handlerOutcome({ ...usual, newTlbGen: 0, localGen: 5 }).kind).toBe('up-to-date')
  })

  it('leaves the mm when lazy, whatever is missing', () => {
    expect(handlerOutcome({ ...usual, lazy: true, localGen: 5 }).kind).toBe('leave')
  })

  it('leaves the mm also when the CPU asks itself, as recorded of tasks that exit', () => {
    expect(handlerOutcome({ ...usual, local: true, lazy: true }).kind).toBe('leave')
  })

  it('does nothing when the mm is not loaded', () => {
    expect(handlerOutcome({ ...usual, loadedMm: 'other' }).kind).toBe('wrong-mm')
    expect(handlerOutcome({ ...usual, loadedMm: 'init' }).kind).toBe('init-mm')
  })
})
