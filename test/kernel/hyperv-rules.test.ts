import { describe, expect, it } from 'vitest'
import { VP_INVAL } from '../../src/abi/vp-set.ts'
import {
  HYPERV_KERNELS,
  type HypervFlushInputs,
  planHypervFlush,
} from '../../src/kernel/flush/hyperv-rules.ts'
import { TLB_FLUSH_ALL } from '../../src/kernel/flush-info.ts'

const START = 0x7f6053d87000n
const identity = (cpus: number) => Array.from({ length: cpus }, (_, cpu) => cpu)

const usual: HypervFlushInputs = {
  rules: HYPERV_KERNELS['6.12'],
  cr3: 0x5bb2000n,
  start: START,
  end: START + 0x3000n,
  freedTables: false,
  present: 0xfn,
  vpNumbers: identity(4),
  exProcessorMasks: true,
  mask: 0x7n,
  lazy: 0n,
}

const plan = (changes: Partial<HypervFlushInputs>) => planHypervFlush({ ...usual, ...changes })

describe('today’s Hyper-V flush', () => {
  it('asks for three pages as one list entry, as recorded on 6.1', () => {
    expect(plan({ rules: HYPERV_KERNELS['6.1'] })).toMatchObject({
      callCode: 0x3,
      control: 0x1_0000_0003n,
      targets: 0x7n,
      input: { addressSpace: 0x5bb2000n, flags: 0n, processorMask: 0x7n, gvaList: [START | 2n] },
    })
  })

  it('leaves lazy CPUs out on 6.12 and asks for them on 6.1', () => {
    expect(plan({ lazy: 0x6n })).toMatchObject({ input: { processorMask: 0x1n } })
    expect(plan({ lazy: 0x6n, rules: HYPERV_KERNELS['6.1'] })).toMatchObject({
      input: { processorMask: 0x7n },
    })
  })

  it('leaves no lazy CPU out when tables are freed', () => {
    expect(plan({ lazy: 0x6n, freedTables: true })).toMatchObject({ input: { processorMask: 0x7n } })
  })

  it('names all processors, lazy or not, when the mask is every present CPU', () => {
    expect(plan({ mask: 0xfn, lazy: 0xen })).toMatchObject({
      targets: 0xfn,
      input: { flags: 1n, processorMask: 0n },
    })
  })

  it('lets global entries survive when everything is asked for', () => {
    expect(plan({ start: 0n, end: TLB_FLUSH_ALL })).toMatchObject({
      callCode: 0x2,
      input: { call: 'space', flags: 4n },
    })
  })

  it('flushes the whole space, globals too, when a list would not fit', () => {
    expect(plan({ start: 0n, end: 510n << 24n })).toMatchObject({ callCode: 0x2, input: { flags: 0n } })
  })

  it('has a range that the cut-over lets through and no page can hold', () => {
    expect(plan({ start: 0n, end: (509n << 24n) + 0x1000n }).kind).toBe('fault')
  })

  it('flushes every address space when there is no mm', () => {
    expect(plan({ cr3: null })).toMatchObject({ input: { addressSpace: 0n, flags: 2n } })
  })

  it('takes PCID, LAM and no-flush bits out of CR3', () => {
    expect(plan({ cr3: 0xe000_0000_05bb_2003n })).toMatchObject({ input: { addressSpace: 0x5bb2000n } })
  })

  it('makes no call when every target is lazy', () => {
    expect(plan({ mask: 0x6n, lazy: 0x6n })).toEqual({
      kind: 'none',
      reason: 'every target is lazy or has left',
    })
    expect(plan({ mask: 0n })).toEqual({ kind: 'none', reason: 'every target is lazy or has left' })
  })
})

describe('the calls for more than 64 VPs', () => {
  const many = { present: (1n << 66n) - 1n, vpNumbers: identity(66), mask: (1n << 65n) | 2n }

  it('sends the banks from 0 to the highest used one', () => {
    expect(plan(many)).toMatchObject({
      callCode: 0x14,
      control: 0x1_0004_0014n,
      input: { flags: 0n, vpSet: { format: 0n, validBankMask: 3n, banks: [2n, 2n] } },
    })
  })

  it('sends one bank when the CPUs above 63 are lazy, as recorded', () => {
    expect(plan({ ...many, lazy: 1n << 65n })).toMatchObject({
      input: { vpSet: { validBankMask: 1n, banks: [2n] } },
    })
  })

  it('uses the plain call when every target is below 64', () => {
    expect(plan({ ...many, mask: 0x7n })).toMatchObject({ callCode: 0x3 })
  })

  it('goes by VP numbers, which are not CPU numbers', () => {
    const vpNumbers = [0, 70, 2, 3]
    expect(plan({ vpNumbers })).toMatchObject({
      callCode: 0x14,
      input: { vpSet: { validBankMask: 3n, banks: [5n, 1n << 6n] } },
    })
    expect(plan({ vpNumbers, mask: 0x5n })).toMatchObject({ callCode: 0x3, input: { processorMask: 0x5n } })
  })

  it('asks everybody by the plain call', () => {
    expect(plan({ ...many, mask: many.present })).toMatchObject({ callCode: 0x3, input: { flags: 1n } })
  })

  it('names nobody when VP numbers need 64 banks: the builder gives up without an error', () => {
    expect(plan({ ...many, maxVpIndex: 4096 })).toMatchObject({
      targets: 0n,
      input: { vpSet: { validBankMask: 0n } },
    })
  })
})

describe('fall-backs to IPIs', () => {
  it.each([
    ['no hypercall page', { hypercallPage: false }],
    ['no input page on this CPU', { inputPage: false }],
    ['a target has no VP number', { vpNumbers: [0, VP_INVAL, 2, 3] }],
    ['a target has no VP number', { vpNumbers: [70, VP_INVAL, 71, 3] }],
    ['a VP number of 64 or more, and no Ex calls', { vpNumbers: [0, 1, 64, 3], exProcessorMasks: false }],
  ] as const)('%s', (reason, changes) => {
    expect(plan(changes)).toEqual({ kind: 'native', reason })
  })

  it('does not need the VP number of a CPU that is not in the mask', () => {
    expect(plan({ vpNumbers: [0, 1, 2, VP_INVAL] }).kind).toBe('call')
  })
})
