/** The scenarios of `examples/`, whole and with one thing left out. */
import { check, DEFAULT_OPTIONS, formatVerdict } from 'shootdown'
import { expect, test } from 'vitest'
import lazyTlb from '../../examples/lazy-tlb.ts'
import ownWalker from '../../examples/own-walker.ts'
import progress from '../../examples/progress.ts'

const without = (site: string) => ({ without: new Set([site]) })

test.each([2, 3])('a CPU in lazy TLB mode is left out, and looks when it wakes (%i CPUs)', (cpus) => {
  const verdict = check(lazyTlb.build({ ...DEFAULT_OPTIONS, cpus }))
  expect(verdict.verdict, formatVerdict(verdict)).toBe('safe')
})

test('without the barrier its store is still in the buffer when others look, and the diagram shows it', () => {
  const verdict = check(lazyTlb.build(DEFAULT_OPTIONS), without('wake_up: smp_mb'))
  expect(verdict).toMatchObject({ verdict: 'unsafe', property: 'translation coherence' })
  const lines = formatVerdict(verdict).split('\n')
  const at = (text: string) => lines.findIndex((line) => line.includes(text))
  expect(at('lazy[1] = 0 (buffered)')).toBeGreaterThan(0)
  expect(at('read lazy -> {1}')).toBeGreaterThan(at('lazy[1] = 0 (buffered)'))
})

test('on a machine without store buffers the barrier is not needed', () => {
  const program = lazyTlb.build({ ...DEFAULT_OPTIONS, memoryModel: 'sc' })
  expect(check(program, without('wake_up: smp_mb')).verdict).toBe('safe')
})

test('a walker with interrupts on is not held off by the acknowledgement of an IPI', () => {
  expect(check(ownWalker.build(DEFAULT_OPTIONS)).verdict).toBe('safe')
  const verdict = check(ownWalker.build(DEFAULT_OPTIONS), without('walk: local_irq_save'))
  expect(verdict).toMatchObject({ verdict: 'unsafe', property: 'page-table lifetime' })
})

test.each(['tso', 'sc'] as const)(
  'a worker that is told to stop, and one that may miss it (%s)',
  (memoryModel) => {
    const [stop, lost] = progress.map((one) => check(one.build({ ...DEFAULT_OPTIONS, memoryModel })))
    expect(stop).toMatchObject({ verdict: 'safe', liveness: { because: 'no-fair-cycle' } })
    expect(lost).toMatchObject({
      verdict: 'unsafe',
      property: 'progress',
      trail: { length: 'lasso', lasso: { starving: [{ process: 'worker', how: 'goes-round' }] } },
    })
  },
)
