import { describe, expect, test } from 'vitest'
import {
  encodeFlushInput,
  encodeIpiInput,
  type FlushInputOf,
  narrowRegisters,
  vpSetOf,
  widenRegisters,
} from '../../../src/abi/index.ts'
import { planHypercall } from '../../../src/hypervisor/hyperv/dispatch.ts'
import { scopeOfCall } from '../../../src/hypervisor/hyperv/meaning.ts'
import {
  callerOn,
  type PartitionFacts,
  PROFILE_NAMES,
  partitionOf,
} from '../../../src/hypervisor/hyperv/partition.ts'
import type { FlushScope, HypercallPlan } from '../../../src/hypervisor/hyperv/plan.ts'
import { coversScope } from '../../../src/hypervisor/hyperv/spans.ts'
import { fastCall, INPUT_GPA, LIST, LIST_EX, memoryWith, SPACE, SPACE_EX, slowCall } from './calls.ts'

const PARTITION = partitionOf([0, 1, 2, 3, 65, 66])

function pages(count: number): bigint[] {
  return Array.from({ length: count }, (_, k) => 0x7f0000000000n + BigInt(k) * 0x2000n)
}

function flushed(plan: HypercallPlan): FlushScope {
  if (!('flush' in plan) || plan.flush === null) throw new Error(`no flush: ${plan.kind}`)
  return plan.flush
}

describe('rep continuation', () => {
  const list: FlushInputOf<'list'> = { ...LIST, gvaList: pages(25) }
  const sliced = { ...PARTITION, repBudget: 20 }

  test.each(['tlfs', 'openvmm'] as const)(
    '%s stops after its time slice and is entered again (E12)',
    (profile) => {
      const first = planHypercall(profile, slowCall(list), sliced)
      expect(first).toMatchObject({ kind: 'continue', rcx: 0x0014001900000003n })
      expect(flushed(first).spans).toHaveLength(profile === 'tlfs' ? 20 : 3)
      const second = planHypercall(profile, slowCall(list, { control: 0x0014001900000003n }), sliced)
      expect(second).toMatchObject({ kind: 'complete', result: 0x0000001900000000n })
      expect(flushed(second).spans).toHaveLength(5)
    },
  )

  test('at least one element is done at each entry', () => {
    const plan = planHypercall('tlfs', slowCall(list), { ...PARTITION, repBudget: 0 })
    expect(plan).toMatchObject({ kind: 'continue', rcx: 0x0001001900000003n })
  })

  test('a page-filling list is accepted, one range more is not (E15)', () => {
    const full = slowCall({ ...LIST, gvaList: pages(509) }, { gpa: 0x10000n })
    expect(full.registers.rcx).toBe(0x000001fd00000003n)
    const over = slowCall({ ...LIST, gvaList: pages(510) }, { gpa: 0x10000n })
    expect(planHypercall('tlfs', full, PARTITION)).toMatchObject({ status: 0, repsCompleted: 509 })
    expect(planHypercall('tlfs', over, PARTITION)).toMatchObject({ status: 4 })
    expect(planHypercall('openvmm', over, PARTITION)).toMatchObject({ status: 3 })
    const banks = vpSetOf(Array.from({ length: 64 }, (_, b) => 64 * b))
    const ex = slowCall({ ...LIST_EX, vpSet: banks, gvaList: pages(444) })
    expect(ex.registers.rcx).toBe(0x000001bc00800014n)
    expect(planHypercall('tlfs', ex, PARTITION)).toMatchObject({ status: 0, repsCompleted: 444 })
    const exOver = slowCall({ ...LIST_EX, vpSet: banks, gvaList: pages(445) })
    expect(planHypercall('tlfs', exOver, PARTITION)).toMatchObject({ status: 4 })
  })
})

describe('TLB locking', () => {
  const locked = { ...PARTITION, tlbLockedVps: [0, 2, 3] }

  test('by the specification the caller sleeps until the targets unlock, and never waits for itself', () => {
    const call = slowCall({ ...SPACE, processorMask: 0b101n })
    expect(planHypercall('tlfs', call, locked)).toMatchObject({ kind: 'suspend', waitFor: [2] })
    const self = slowCall({ ...SPACE, processorMask: 1n })
    expect(planHypercall('tlfs', self, locked).kind).toBe('complete')
  })

  test('OpenVMM flushes first and then waits for every holder', () => {
    const plan = planHypercall('openvmm', slowCall(SPACE), locked)
    expect(plan).toMatchObject({ kind: 'complete', awaitedLocks: [2, 3] })
  })
})

describe('address spaces and globals', () => {
  const named = slowCall({ ...SPACE, flags: 4n, addressSpace: 0x1234000n, processorMask: 1n })

  test('by the specification one space goes and globals may survive; the others flush everything', () => {
    expect(flushed(planHypercall('tlfs', named, PARTITION))).toEqual({
      vps: [0],
      addressSpace: 0x1234000n,
      globals: 'may-survive',
      spans: 'all',
    })
    for (const profile of ['kvm', 'xen'] as const) {
      expect(flushed(planHypercall(profile, named, PARTITION))).toMatchObject({
        addressSpace: 'all',
        globals: 'flushed',
      })
    }
  })

  test.each(PROFILE_NAMES)('%s can be made exact, which flushes what was asked', (profile) => {
    const exact: PartitionFacts = { ...PARTITION, semantics: 'exact' }
    const asked = scopeOfCall(named, PARTITION)
    expect(flushed(planHypercall(profile, named, exact))).toEqual(asked)
  })
})

describe('under-flushing', () => {
  test('KVM flushes a subset where ALL_PROCESSORS was asked with an Ex call (N18)', () => {
    const call = slowCall({ ...SPACE_EX, flags: 3n })
    const asked = scopeOfCall(call, PARTITION)
    expect(asked?.vps).toEqual(PARTITION.vps)
    expect(coversScope(flushed(planHypercall('kvm', call, PARTITION)), asked!)).toBe(false)
    expect(coversScope(flushed(planHypercall('xen', call, PARTITION)), asked!)).toBe(true)
  })

  test.each([
    [0, true],
    [3, true],
    [4, false],
    [2047, false],
  ])('KVM reads an extended entry of 1 + %i large pages as a legacy one', (additional, enough) => {
    const element = 0x7f0000200800n | BigInt(additional)
    const call = slowCall({ ...LIST, flags: 0xan, gvaList: [element] })
    const asked = scopeOfCall(call, PARTITION)
    const done = flushed(planHypercall('kvm', call, PARTITION))
    expect(done.spans).toEqual([{ first: 0x7f0000200, count: 0x800 + additional + 1 }])
    expect(coversScope(done, asked!)).toBe(enough)
  })

  test('a 1 GiB entry becomes 2049 pages, one page too high', () => {
    const call = slowCall({ ...LIST, flags: 0xan, gvaList: [0x7f0040001800n] })
    expect(flushed(planHypercall('kvm', call, PARTITION)).spans).toEqual([
      { first: 0x7f0040001, count: 2049 },
    ])
  })

  test('the specification reads the same entries as 2 MiB and 1 GiB', () => {
    const features = { ...PARTITION.features, extendedGvaRanges: true }
    const call = slowCall({ ...LIST, flags: 0xan, gvaList: [0x7f0000200802n, 0x7f0040001800n] })
    expect(flushed(planHypercall('tlfs', call, { ...PARTITION, features })).spans).toEqual([
      { first: 0x7f0000200, count: 1536 },
      { first: 0x7f0040000, count: 262144 },
    ])
    expect(planHypercall('tlfs', call, PARTITION)).toMatchObject({ status: 5 })
  })
})

describe('top of the address space', () => {
  const call = slowCall({ ...LIST, gvaList: [0xfffffffffffff002n] })

  test('pages beyond the top do not exist for the specification and wrap for KVM', () => {
    expect(flushed(planHypercall('tlfs', call, PARTITION)).spans).toEqual([
      { first: 0xfffffffffffff, count: 1 },
    ])
    expect(flushed(planHypercall('kvm', call, PARTITION)).spans).toEqual([
      { first: 0xfffffffffffff, count: 1 },
      { first: 0, count: 2 },
    ])
  })

  test("an element of all ones is KVM's own mark for a full flush", () => {
    const marked = slowCall({ ...LIST, gvaList: [0xffff_ffff_ffff_ffffn] })
    expect(flushed(planHypercall('kvm', marked, PARTITION)).spans).toBe('all')
  })
})

describe('KVM', () => {
  test('up to 15 ranges are read, 16 are not, so that an unreadable tail goes unnoticed', () => {
    const most = { ...LIST, gvaList: pages(15) }
    expect(flushed(planHypercall('kvm', slowCall(most), PARTITION)).spans).toHaveLength(15)
    const { control, bytes } = encodeFlushInput({ ...LIST, gvaList: pages(16) })
    const header = memoryWith(bytes.subarray(0, 24), INPUT_GPA)
    const memory = (gpa: bigint, length: number) =>
      gpa === INPUT_GPA && length === 24 ? header(gpa, 24) : null
    const plan = planHypercall('kvm', slowCall({ control, bytes }, { memory }), PARTITION)
    expect(plan).toMatchObject({ status: 0, repsCompleted: 16, queue: { entries: 'flush-all' } })
    const short = encodeFlushInput(most)
    expect(planHypercall('kvm', slowCall(short, { memory }), PARTITION)).toMatchObject({ status: 3 })
  })

  test('without two-dimensional paging every flush is a full one', () => {
    const flat = { ...PARTITION, kvm: { ...PARTITION.kvm, tdp: false } }
    expect(flushed(planHypercall('kvm', slowCall(LIST), flat)).spans).toBe('all')
  })

  test('format ALL with banks: the list lies behind the banks', () => {
    const call = slowCall({ ...LIST_EX, vpSet: { format: 1n, validBankMask: 1n, banks: [0n] } })
    expect(flushed(planHypercall('kvm', call, PARTITION))).toMatchObject({
      vps: PARTITION.vps,
      spans: [{ first: 0x7f0012345, count: 1 }],
    })
  })

  test('a nested guest names nested VPs, and locked L1 TLBs end in an exit to L1', () => {
    const nestedVps = [
      { vp: 0, vmId: 7, vpId: 0 },
      { vp: 1, vmId: 7, vpId: 2 },
      { vp: 2, vmId: 8, vpId: 2 },
    ]
    const nested = { ...PARTITION, kvm: { ...PARTITION.kvm, nestedVps } }
    const from = (tlbLockCount: number | null) =>
      slowCall(SPACE, { caller: callerOn(0, { nested: { vmId: 7, tlbLockCount } }) })
    expect(planHypercall('kvm', from(0), nested)).toMatchObject({
      queue: { vps: [1], context: 'L2' },
      syntheticExit: false,
    })
    expect(planHypercall('kvm', from(2), nested)).toMatchObject({ status: 0, syntheticExit: true })
    expect(planHypercall('kvm', from(null), nested)).toMatchObject({ status: 3 })
  })

  test('the banks of VPs that the host cannot have are not read', () => {
    const vpSet = vpSetOf([2, ...Array.from({ length: 20 }, (_, b) => 64 * (b + 1))])
    const { control, bytes } = encodeFlushInput({ ...SPACE_EX, vpSet })
    const memory = memoryWith(bytes, INPUT_GPA, 32 + 8 * 16)
    expect(planHypercall('kvm', slowCall({ control, bytes }, { memory }), PARTITION)).toMatchObject({
      status: 0,
    })
  })

  test('an empty sparse IPI succeeds whatever its vector', () => {
    const set = { format: 0n, validBankMask: 0n, banks: [] }
    const ipi = encodeIpiInput({ call: 'ipi-ex', vector: 0, targetVtl: 0, reserved: 0, vpSet: set })
    expect(planHypercall('kvm', slowCall(ipi), PARTITION)).toMatchObject({ status: 0 })
  })
})

describe('cluster IPIs', () => {
  const bad = encodeIpiInput({ call: 'ipi', vector: 0xf, targetVtl: 0, reserved: 0, processorMask: 4n })

  test('a vector below 0x10 is 5 by the specification and on Xen, 3 on KVM', () => {
    expect(planHypercall('tlfs', slowCall(bad), PARTITION)).toMatchObject({ status: 5 })
    expect(planHypercall('xen', slowCall(bad), PARTITION)).toMatchObject({ status: 5 })
    expect(planHypercall('kvm', slowCall(bad), PARTITION)).toMatchObject({ status: 3 })
  })

  test('the fast form of E13, and a dirty upper half of RDX', () => {
    const input = { call: 'ipi', vector: 0xfe, targetVtl: 0, reserved: 0, processorMask: 4n } as const
    for (const profile of PROFILE_NAMES) {
      expect(planHypercall(profile, fastCall(input), PARTITION)).toMatchObject({
        ipi: { vector: 0xfe, vps: [2] },
      })
    }
    const dirty = fastCall(input)
    const call = { ...dirty, registers: { ...dirty.registers, rdx: 0x1_0000_00fen } }
    expect(planHypercall('kvm', call, PARTITION)).toMatchObject({ status: 3 })
    expect(planHypercall('xen', call, PARTITION)).toMatchObject({ status: 5 })
  })
})

describe('callers', () => {
  test('a 32-bit caller of OpenVMM has 16 bytes of registers', () => {
    const call = fastCall(SPACE, { caller: callerOn(0, { mode: 'protected32' }) })
    const widened = {
      ...call,
      registers: widenRegisters(narrowRegisters(call.registers), call.registers.xmm),
    }
    expect(planHypercall('openvmm', widened, PARTITION)).toMatchObject({ status: 3 })
    expect(planHypercall('kvm', widened, PARTITION)).toMatchObject({ status: 0 })
  })

  test('VPs that do not exist are dropped', () => {
    const everyone = slowCall({ ...SPACE, processorMask: 0xffff_ffff_ffff_ffffn })
    for (const profile of ['tlfs', 'kvm', 'xen'] as const) {
      expect(flushed(planHypercall(profile, everyone, PARTITION)).vps).toEqual([0, 1, 2, 3])
    }
  })

  test('Xen retries while another vCPU flushes', () => {
    const busy = { ...PARTITION, xen: { maxVcpus: 128, flush: 'contended' } as const }
    expect(planHypercall('xen', slowCall(SPACE), busy).kind).toBe('retry')
  })
})

describe('OpenVMM backends', () => {
  const tdx: PartitionFacts = { ...PARTITION, openvmm: { backend: 'tdx' } }

  test('SNP gives up ranges above 16 entries or 16 additional pages; it broadcasts', () => {
    expect(
      flushed(planHypercall('openvmm', slowCall({ ...LIST, gvaList: pages(17) }), PARTITION)).spans,
    ).toBe('all')
    const long = slowCall({ ...LIST, gvaList: [0x7f0000000011n] })
    expect(flushed(planHypercall('openvmm', long, PARTITION))).toMatchObject({
      spans: 'all',
      vps: PARTITION.vps,
    })
  })

  test('SNP flushes the caller alone when a full non-global flush names nobody else', () => {
    const self = slowCall({ ...SPACE, flags: 6n, processorMask: 1n })
    expect(flushed(planHypercall('openvmm', self, PARTITION)).vps).toEqual([0])
  })

  test('TDX replays up to 32 ranges on every VP and waits for the named ones', () => {
    const plan = planHypercall('openvmm', slowCall({ ...LIST, gvaList: pages(32) }), tdx)
    expect(plan).toMatchObject({ awaited: [2] })
    expect(flushed(plan).vps).toEqual(PARTITION.vps)
    expect(flushed(plan).spans).toHaveLength(32)
    expect(flushed(planHypercall('openvmm', slowCall({ ...LIST, gvaList: pages(33) }), tdx)).spans).toBe(
      'all',
    )
  })
})
