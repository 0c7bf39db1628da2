import { describe, expect, test } from 'vitest'
import { formatCounterexample } from '../../src/report/columns.ts'
import { kernelName } from '../../src/report/kernel-name.ts'
import { makeStyle, PLAIN } from '../../src/report/style.ts'
import { BUFFER_TRAIL, EIGHT_TRAIL, HYPERCALL_TRAIL, trail } from './trails.ts'

const golden = (name: string) => `golden/${name}.txt`

describe('a counterexample in columns', () => {
  test('the hypercall that does not wait for gup_fast, ready for a mail', async () => {
    const about = {
      what: 'thread: flush hyperv, free immediate, walker gup-fast; 2 CPUs, tso, 4 levels',
      replay: 'shootdown check thread --flush hyperv --free immediate',
      initialFacts: ['frame 5: page table of mm'],
    }
    await expect(`${formatCounterexample(HYPERCALL_TRAIL, about, PLAIN)}\n`).toMatchFileSnapshot(
      golden('hypercall'),
    )
  })

  test('with line-drawing characters', async () => {
    await expect(`${formatCounterexample(HYPERCALL_TRAIL, {}, makeStyle())}\n`).toMatchFileSnapshot(
      golden('hypercall-unicode'),
    )
  })

  test('store buffers and interrupts are visible', async () => {
    await expect(`${formatCounterexample(BUFFER_TRAIL, {}, PLAIN)}\n`).toMatchFileSnapshot(golden('buffer'))
  })

  test('eight CPUs and the hypervisor', async () => {
    await expect(`${formatCounterexample(EIGHT_TRAIL, {}, PLAIN)}\n`).toMatchFileSnapshot(golden('eight'))
  })

  test.each([HYPERCALL_TRAIL, BUFFER_TRAIL, EIGHT_TRAIL])(
    'never wider than asked for, no trailing blanks',
    (one) => {
      for (const width of [80, 90, 100]) {
        for (const line of formatCounterexample(one, {}, makeStyle({ ascii: true, width })).split('\n')) {
          expect(line.length).toBeLessThanOrEqual(width)
          expect(line).toBe(line.trimEnd())
        }
      }
    },
  )

  test('--ascii means ASCII', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is the point
    expect(formatCounterexample(BUFFER_TRAIL, {}, PLAIN)).toMatch(/^[\x00-\x7f]*$/)
  })

  test('colour changes nothing but colour', () => {
    const plain = formatCounterexample(HYPERCALL_TRAIL, {}, makeStyle())
    const colored = formatCounterexample(HYPERCALL_TRAIL, {}, makeStyle({ color: true }))
    expect(colored).not.toBe(plain)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI escapes start with one
    expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(plain)
  })

  test('a CPU that does nothing has no column, and local steps are left out', () => {
    const text = formatCounterexample(
      trail('assertion', 'x', ['CPU0 f local: nothing to see', 'CPU0 f store: x = 1', 'CPU3 g load: x -> 1']),
    )
    expect(text).toContain('CPU3')
    expect(text).not.toMatch(/CPU1|CPU2|nothing to see/)
  })
})

test.each([
  ['gupFast', 'gup_fast'],
  ['smpCallFunctionMany', 'smp_call_function_many'],
  ['__tlbRemoveTable', '__tlb_remove_table'],
  ['p4dFreeTlb', 'p4d_free_tlb'],
  ['loadCR3', 'load_cr3'],
  ['xenFlushTLBOthers', 'xen_flush_tlb_others'],
  ['gup_fast', 'gup_fast'],
  ['HvFlushVirtualAddressList', 'HvFlushVirtualAddressList'],
])("%s is the kernel's %s", (ours, kernels) => {
  expect(kernelName(ours)).toBe(kernels)
})
