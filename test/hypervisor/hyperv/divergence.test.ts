/**
 * The divergence matrix: one deviation from an otherwise valid call, and what each of the four hypervisors answers.
 * A cell is a status, a flush on some VPs, or another end; cells that the sources leave open are marked so.
 */
import { describe, expect, test } from 'vitest'
import type { FlushInputOf } from '../../../src/abi/index.ts'
import { planHypercall } from '../../../src/hypervisor/hyperv/dispatch.ts'
import {
  callerOn,
  type HypercallCall,
  type PartitionFacts,
  PROFILE_NAMES,
  type ProfileName,
  partitionOf,
} from '../../../src/hypervisor/hyperv/partition.ts'
import type { HypercallPlan } from '../../../src/hypervisor/hyperv/plan.ts'
import { fastCall, LIST, LIST_EX, memoryWith, SPACE, SPACE_EX, slowCall } from './calls.ts'

const VPS = [0, 1, 2, 3, 65, 66]
const PARTITION = partitionOf(VPS)

/** What a cell expects: a status in hex, `ok`, `ok reps=N`, `ok none`, `ok all`, `ok 2,65`, `#UD`, `intercept`, `-EPERM`. */
type Cell = string

interface Row {
  readonly id: string
  readonly what: string
  readonly call: HypercallCall
  readonly partition?: PartitionFacts
  /** tlfs, kvm, openvmm, xen; alternatives with `|`, `?` where the sources leave the cell open. */
  readonly cells: Readonly<Record<ProfileName, Cell>>
}

function cells(tlfs: Cell, openvmm: Cell, kvm: Cell, xen: Cell): Record<ProfileName, Cell> {
  return { tlfs, openvmm, kvm, xen }
}

function without(feature: keyof PartitionFacts['features'], enforceCpuid: boolean): PartitionFacts {
  return { ...PARTITION, enforceCpuid, features: { ...PARTITION.features, [feature]: false } }
}

const MANY: FlushInputOf<'list'> = {
  ...LIST,
  gvaList: Array.from({ length: 14 }, (_, k) => 0x7f0000000000n + BigInt(k) * 4096n),
}
const UNREADABLE = { memory: () => null }
const PAGE_END = 0x10ff0n

/** A fast call of 14 ranges: the control word says so, though registers hold only the first 11. */
function tooManyInRegisters(): HypercallCall {
  const call = fastCall({ ...MANY, gvaList: MANY.gvaList.slice(0, 11) })
  return { ...call, registers: { ...call.registers, rcx: 0x0000000e00010003n } }
}

const ROWS: readonly Row[] = [
  {
    id: 'N1',
    what: 'unknown call code',
    call: slowCall(SPACE, { control: 0xbeefn }),
    cells: cells('2', '2', '2', '2'),
  },
  {
    id: 'N2',
    what: 'space with rep count 1',
    call: slowCall(SPACE, { control: 0x0000000100000002n }),
    cells: cells('3', '3', '3', 'ok reps=1'),
  },
  {
    id: 'N3',
    what: 'list with rep count 0',
    call: slowCall(LIST, { control: 0x0000000000000003n }),
    cells: cells('3', '3', '3', 'ok reps=0'),
  },
  {
    id: 'N4',
    what: 'rep start = rep count',
    call: slowCall(LIST, { control: 0x0004000400000003n }),
    cells: cells('3', '3', '3', 'ok reps=4'),
  },
  {
    id: 'N5',
    what: 'rep start inside the list',
    call: slowCall(MANY, { control: 0x0003000e00000003n }),
    cells: cells('ok reps=14', 'ok reps=14', '3', 'ok reps=14'),
  },
  {
    id: 'N6',
    what: 'reserved bit 27',
    call: slowCall(SPACE, { control: 0x0000000008000002n }),
    cells: cells('3', 'ok', '3', 'ok'),
  },
  {
    id: 'N7a',
    what: 'reserved bit 44',
    call: slowCall(SPACE, { control: (1n << 44n) | 2n }),
    cells: cells('3', 'ok', '3', 'ok'),
  },
  {
    id: 'N7b',
    what: 'reserved bit 60',
    call: slowCall(SPACE, { control: (1n << 60n) | 2n }),
    cells: cells('3', 'ok', '3', 'ok'),
  },
  {
    id: 'N8',
    what: 'nested bit',
    call: slowCall(SPACE, { control: (1n << 31n) | 2n }),
    cells: cells('?', 'ok', '3', 'ok'),
  },
  {
    id: 'N9',
    what: 'variable header on a call without one',
    call: slowCall(SPACE, { control: 0x0000000000020002n }),
    cells: cells('3', '3', '3', 'ok'),
  },
  {
    id: 'N10',
    what: 'input not 8-byte aligned',
    call: slowCall(SPACE, { gpa: 0x10004n }),
    cells: cells('4', '4', 'ok 2', 'ok 2'),
  },
  {
    id: 'N11',
    what: 'input crosses a page',
    call: slowCall(SPACE, { gpa: PAGE_END }),
    cells: cells('4', '3', 'ok 2', 'ok 2'),
  },
  {
    id: 'N12',
    what: 'input cannot be read',
    call: slowCall(SPACE, UNREADABLE),
    cells: cells('intercept', '3', '3', '5'),
  },
  {
    id: 'N13',
    what: 'empty mask without ALL_PROCESSORS',
    call: slowCall({ ...SPACE, processorMask: 0n }),
    cells: cells('5', '5', 'ok all', 'ok none'),
  },
  {
    id: 'N14a',
    what: 'empty sparse set, no banks',
    call: slowCall({ ...LIST_EX, vpSet: { format: 0n, validBankMask: 0n, banks: [] } }),
    cells: cells('5', '5', 'ok none reps=1', 'ok none reps=1'),
  },
  {
    id: 'N14b',
    what: 'empty sparse set, one empty bank',
    call: slowCall({ ...LIST_EX, vpSet: { format: 0n, validBankMask: 1n, banks: [0n] } }),
    cells: cells('5', '5', 'ok none reps=1', 'ok none reps=1'),
  },
  {
    id: 'N15a',
    what: 'more banks in the mask than in the variable header',
    call: slowCall(SPACE_EX, { control: 0x0000000000020013n }),
    cells: cells('3|5', '5', '3', 'ok 2,65'),
  },
  {
    id: 'N15b',
    what: 'fewer banks in the mask than in the variable header',
    call: slowCall({ ...SPACE_EX, vpSet: { format: 0n, validBankMask: 1n, banks: [4n, 2n] } }),
    cells: cells('3|5', '5', '3', 'ok 2'),
  },
  {
    id: 'N16',
    what: 'Ex with format ALL',
    call: slowCall({ ...SPACE_EX, vpSet: { format: 1n, validBankMask: 0n, banks: [] } }),
    cells: cells('ok all', '5', 'ok all', 'ok all'),
  },
  {
    id: 'N17',
    what: 'Ex with format 2',
    call: slowCall({ ...SPACE_EX, vpSet: { format: 2n, validBankMask: 0n, banks: [] } }),
    cells: cells('5', '5', 'ok all', '5'),
  },
  {
    id: 'N18',
    what: 'Ex with ALL_PROCESSORS and a subset',
    call: slowCall({ ...SPACE_EX, flags: 3n }),
    cells: cells('ok all', 'ok all', 'ok 2,65', 'ok all'),
  },
  {
    id: 'N19',
    what: 'reserved flag',
    call: slowCall({ ...SPACE, flags: 0x402n }),
    cells: cells('5', '5', 'ok 2', 'ok 2'),
  },
  {
    id: 'N20',
    what: 'NON_GLOBAL on a list',
    call: slowCall({ ...LIST, flags: 6n }),
    cells: cells('5', 'ok', 'ok 2', 'ok 2'),
  },
  {
    id: 'N21',
    what: 'EXTENDED on a space call',
    call: slowCall({ ...SPACE, flags: 0xan }),
    cells: cells('?', '5', 'ok 2', 'ok 2'),
  },
  { id: 'N22a', what: 'fast space', call: fastCall(SPACE), cells: cells('ok 2', 'ok', 'ok 2', '5') },
  { id: 'N22b', what: 'fast list', call: fastCall(LIST), cells: cells('ok 2', 'ok', 'ok 2', '5') },
  {
    id: 'N23a',
    what: 'XMM fast, not advertised, not enforced',
    call: fastCall(SPACE),
    partition: without('xmmFastInput', false),
    cells: cells('#UD', '?', 'ok 2', '5'),
  },
  {
    id: 'N23b',
    what: 'XMM fast, not advertised, enforced',
    call: fastCall(SPACE),
    partition: without('xmmFastInput', true),
    cells: cells('#UD', '?', '#UD', '5'),
  },
  { id: 'N24', what: 'fast with 14 ranges', call: tooManyInRegisters(), cells: cells('3', '3', '3', '5') },
  {
    id: 'N25a',
    what: 'not recommended, not enforced',
    call: slowCall(SPACE),
    partition: without('remoteFlush', false),
    cells: cells('6', '?', 'ok 2', 'ok 2'),
  },
  {
    id: 'N25b',
    what: 'not recommended, enforced',
    call: slowCall(SPACE),
    partition: without('remoteFlush', true),
    cells: cells('6', '?', '6', 'ok 2'),
  },
  {
    id: 'N26',
    what: 'CPL 3',
    call: slowCall(SPACE, { caller: callerOn(0, { cpl: 3 }) }),
    cells: cells('#UD', '?', '#UD', '-EPERM'),
  },
  {
    id: 'N27',
    what: 'CR3 with reserved bits',
    call: slowCall({ ...SPACE, flags: 0n, addressSpace: 1n << 60n }),
    cells: cells('5', 'ok', 'ok 2', 'ok 2'),
  },
  {
    id: 'N28',
    what: 'GVA that is not canonical',
    call: slowCall({ ...LIST, gvaList: [0xaaaaaaaaaaaaa000n] }),
    cells: cells('ok reps=1 pages=0', 'ok reps=1', 'ok reps=1 pages=0', 'ok reps=1'),
  },
]

/** What a plan does, in the words of the cells. */
function describePlan(plan: HypercallPlan): Record<string, string> {
  if (plan.kind === 'fault') return { end: `#${plan.vector}` }
  if (plan.kind !== 'complete') return { end: plan.kind }
  if (plan.result === 0xffff_ffff_ffff_ffffn) return { end: '-EPERM' }
  if (plan.status !== 0) return { end: plan.status.toString(16) }
  const vps = plan.flush?.vps ?? []
  const who = vps.length === 0 ? 'none' : vps.length === VPS.length ? 'all' : vps.join(',')
  const spans = plan.flush?.spans ?? []
  const pages = spans === 'all' ? 'all' : String(spans.reduce((sum, span) => sum + span.count, 0))
  return { end: 'ok', vps: who, reps: String(plan.repsCompleted), pages }
}

function matches(plan: HypercallPlan, cell: Cell): boolean {
  const seen = describePlan(plan)
  if (cell === '?') return seen.end !== undefined
  return cell.split('|').some((alternative) => {
    const [end, ...rest] = alternative.split(' ')
    const wanted = rest.map((r) => (r.includes('=') ? r.split('=') : ['vps', r]))
    return seen.end === end && wanted.every(([key, value]) => seen[String(key)] === value)
  })
}

describe.each(PROFILE_NAMES)('divergence matrix, %s', (profile) => {
  test.each(ROWS)(`$id $what: $cells.${profile}`, (row) => {
    const plan = planHypercall(profile, row.call, row.partition ?? PARTITION)
    const cell = row.cells[profile]
    expect({ cell, ok: matches(plan, cell), seen: describePlan(plan) }).toMatchObject({ ok: true })
  })
})

describe('around the matrix', () => {
  test('every N row of the fact sheet is there', () => {
    const ids = new Set(ROWS.map((row) => row.id.replace(/[ab]$/, '')))
    expect([...ids]).toEqual(Array.from({ length: 28 }, (_, k) => `N${k + 1}`))
  })

  test('KVM without GUEST_OS_ID has no Hyper-V calls', () => {
    expect(planHypercall('kvm', slowCall(SPACE), { ...PARTITION, guestOsId: 0n }).kind).toBe('foreign')
  })

  test('on Xen EAX bit 31 selects the ABI, and 16-bit callers get nothing', () => {
    const direct = slowCall(SPACE, { caller: callerOn(0, { eaxBit31: false }) })
    expect(planHypercall('xen', direct, PARTITION).kind).toBe('foreign')
    const real = slowCall(SPACE, { caller: callerOn(0, { mode: 'real' }) })
    expect(planHypercall('xen', real, PARTITION).kind).toBe('ignored')
  })

  test('the rejected input of N11 is fine when it ends with the page', () => {
    const call = slowCall(SPACE, {
      gpa: 0x10fe8n,
      memory: memoryWith(new Uint8Array(24).fill(2), 0x10fe8n, 0x1000),
    })
    expect(describePlan(planHypercall('openvmm', call, PARTITION)).end).toBe('5')
  })
})
