/**
 * KVM's Hyper-V emulation. Source: Linux `arch/x86/kvm/hyperv.c` (`kvm_hv_hypercall`, `kvm_hv_flush_tlb`,
 * `kvm_hv_send_ipi`), with the canonical check of fa787ac07b3c.
 *
 * Peculiar: no alignment or page checks; the address space, NON_GLOBAL and the extended format are ignored; an empty
 * mask means everybody (Windows Server 2012 sent those); ALL_PROCESSORS on an Ex call is ignored; lists of more than
 * 15 elements are not even read; the result always claims all reps.
 */
import { viewOf, wordsOf } from '../../abi/bytes.ts'
import { type CallShape, callShape } from '../../abi/calls.ts'
import { type ControlWord, decodeControlWord } from '../../abi/control-word.ts'
import { HV_FLUSH_ALL_PROCESSORS } from '../../abi/flush.ts'
import { HV_IPI_HIGH_VECTOR, HV_IPI_LOW_VECTOR } from '../../abi/ipi.ts'
import { registerBlock, XMM_FAST_BYTES } from '../../abi/registers.ts'
import { HV_STATUS_ACCESS_DENIED, HV_STATUS_INVALID_HYPERCALL_INPUT } from '../../abi/status.ts'
import {
  bankCount,
  HV_GENERIC_SET_ALL,
  HV_GENERIC_SET_SPARSE_4K,
  HV_MAX_SPARSE_BANKS,
} from '../../abi/vp-set.ts'
import { KVM_FIFO_SIZE, spansOfEntries } from './kvm-fifo.ts'
import { planKvmOther } from './kvm-other.ts'
import type { HypercallCall, NestedCaller, PartitionFacts } from './partition.ts'
import { type CompletePlan, failure, type HypercallPlan, invalidOpcode, success } from './plan.ts'
import { vpsOfBanks, vpsOfMask } from './targets.ts'
import { isRecommended } from './tlfs.ts'

/** Decides one call as KVM does. */
export function planKvm(call: HypercallCall, partition: PartitionFacts): HypercallPlan {
  const { registers, caller } = call
  if (partition.guestOsId === 0n) {
    return { kind: 'foreign', reason: 'GUEST_OS_ID is 0: this is an ordinary KVM hypercall' }
  }
  if (caller.cpl !== 0) return invalidOpcode(`the caller runs at CPL ${caller.cpl}`)
  if (caller.mode === 'real') return invalidOpcode('the caller is not in protected mode')

  const control = decodeControlWord(registers.rcx)
  const shape = callShape(control.callCode)
  if (shape === undefined || shape.name === 'gpa-space' || shape.name === 'gpa-list') {
    return planKvmOther(control, partition)
  }
  if (partition.enforceCpuid && !isRecommended(shape, partition.features)) {
    return failure(HV_STATUS_ACCESS_DENIED, 'CPUID 0x40000004 does not recommend this call')
  }
  if (control.reserved !== 0n || control.nested) return badInput('reserved bits of the control word are set')
  const mayUseXmm = control.fast && shape.name !== 'ipi'
  if (mayUseXmm && partition.enforceCpuid && !partition.features.xmmFastInput) {
    return invalidOpcode('XMM input is not advertised (CPUID 0x40000003.EDX[4])')
  }
  if (!shape.variable && control.variableHeaderSize !== 0) return badInput('the call has no variable header')
  if (
    shape.rep ? control.repCount === 0 || control.repStart !== 0 : control.repCount + control.repStart !== 0
  ) {
    return badInput(
      shape.rep ? 'rep count is 0 or rep start is not' : 'a simple call has a rep count or rep start',
    )
  }
  const reader = readerOf(call, control, shape)
  if (reader === null) return badInput('the input cannot be read')
  switch (shape.name) {
    case 'ipi':
      return planIpi(call, control, reader, partition)
    case 'ipi-ex':
      return planIpiEx(control, reader, partition)
    case 'space':
    case 'list':
      return planFlush(call, control, shape, reader, partition)
    case 'space-ex':
    case 'list-ex':
      return planFlushEx(call, control, shape, reader, partition)
  }
}

function badInput(reason: string): CompletePlan {
  return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, reason)
}

/** The fixed header, and a reader for the words behind it that gives `null` when they cannot be had. */
interface InputReader {
  readonly header: DataView
  /** `count` words from byte `offset` of the input; at most `cap` of them are fetched, as KVM does. */
  words(offset: number, count: number, cap: number): bigint[] | null
}

function readerOf(call: HypercallCall, control: ControlWord, shape: CallShape): InputReader | null {
  const block = control.fast
    ? registerBlock(call.registers)
    : call.memory(call.registers.rdx, shape.fixedHeader)
  if (block === null) return null
  const words = (offset: number, count: number, cap: number): bigint[] | null => {
    const fetched = Math.min(count, cap)
    if (control.fast) {
      return offset + 8 * count > XMM_FAST_BYTES ? null : wordsOf(block, offset, fetched)
    }
    if (fetched === 0) return []
    const bytes = call.memory(BigInt.asUintN(64, call.registers.rdx + BigInt(offset)), 8 * fetched)
    return bytes === null ? null : wordsOf(bytes, 0, fetched)
  }
  return { header: viewOf(block), words }
}

function planFlush(
  call: HypercallCall,
  control: ControlWord,
  shape: CallShape,
  reader: InputReader,
  partition: PartitionFacts,
): HypercallPlan {
  const flags = reader.header.getBigUint64(8, true)
  const mask = reader.header.getBigUint64(16, true)
  const everybody = (flags & HV_FLUSH_ALL_PROCESSORS) !== 0n || mask === 0n
  const entries = entriesOf(control, shape, reader, 24)
  if (entries === null) return badInput('the list cannot be read')
  return enqueue(call, control, everybody ? null : { validBankMask: 1n, banks: [mask] }, entries, partition)
}

function planFlushEx(
  call: HypercallCall,
  control: ControlWord,
  shape: CallShape,
  reader: InputReader,
  partition: PartitionFacts,
): HypercallPlan {
  const format = reader.header.getBigUint64(16, true)
  const validBankMask = reader.header.getBigUint64(24, true)
  const banksHeld = control.variableHeaderSize
  if (banksHeld !== bankCount(validBankMask)) {
    return badInput(
      `the mask announces ${bankCount(validBankMask)} banks, the variable header holds ${banksHeld}`,
    )
  }
  let targets: BankSet | null = null
  if (format === HV_GENERIC_SET_SPARSE_4K) {
    if (banksHeld === 0)
      return success('an empty set: nothing is flushed', { repsCompleted: control.repCount })
    const banks = readBanks(reader, 32, banksHeld, partition)
    if (banks === null) return badInput('the banks cannot be read')
    targets = { validBankMask, banks }
  }
  const entries = entriesOf(control, shape, reader, 32 + 8 * banksHeld)
  if (entries === null) return badInput('the list cannot be read')
  return enqueue(call, control, targets, entries, partition)
}

/** Banks that cannot hold a VP of this host are neither read nor missed. */
function readBanks(
  reader: InputReader,
  offset: number,
  count: number,
  partition: PartitionFacts,
): bigint[] | null {
  if (count > HV_MAX_SPARSE_BANKS) return null
  return reader.words(offset, count, (partition.kvm.maxVcpus + 63) >> 6)
}

/** The list as the queue takes it: more elements than would ever fit become one full flush, unread. */
function entriesOf(
  control: ControlWord,
  shape: CallShape,
  reader: InputReader,
  offset: number,
): readonly bigint[] | 'flush-all' | null {
  if (!shape.rep || control.repCount > KVM_FIFO_SIZE - 1) return 'flush-all'
  return reader.words(offset, control.repCount, control.repCount)
}

interface BankSet {
  readonly validBankMask: bigint
  readonly banks: readonly bigint[]
}

/** Puts the request into every target's queue; those that run guest code are kicked out and waited for. */
function enqueue(
  call: HypercallCall,
  control: ControlWord,
  targets: BankSet | null,
  entries: readonly bigint[] | 'flush-all',
  partition: PartitionFacts,
): HypercallPlan {
  const { nested } = call.caller
  const vps = nested === null ? targetsOf(targets, partition) : nestedTargets(nested, targets, partition)
  const spans = entries === 'flush-all' || !partition.kvm.tdp ? 'all' : spansOfEntries(entries, partition)
  const plan = success(nested === null ? 'queued for every target' : 'queued for the nested targets', {
    repsCompleted: control.repCount,
    flush: { vps, addressSpace: 'all', globals: 'flushed', spans },
    awaited: vps,
    queue: { vps, context: nested === null ? 'L1' : 'L2', entries },
  })
  if (nested === null) return plan
  if (nested.tlbLockCount === null) return badInput('the partition assist page cannot be read')
  return { ...plan, syntheticExit: nested.tlbLockCount !== 0 }
}

function targetsOf(targets: BankSet | null, partition: PartitionFacts): readonly number[] {
  if (targets === null) return partition.vps
  return vpsOfBanks(targets.validBankMask, targets.banks, partition)
}

/** VPs that run a VP of the caller's nested VM: the set speaks of nested VP numbers. */
function nestedTargets(nested: NestedCaller, targets: BankSet | null, partition: PartitionFacts): number[] {
  const running = partition.kvm.nestedVps.filter((n) => n.vmId === nested.vmId)
  if (targets === null) return running.map((n) => n.vp)
  const inner = { ...partition, vps: running.map((n) => n.vpId) }
  const wanted = new Set(vpsOfBanks(targets.validBankMask, targets.banks, inner))
  return running.filter((n) => wanted.has(n.vpId)).map((n) => n.vp)
}

function planIpi(
  call: HypercallCall,
  control: ControlWord,
  reader: InputReader,
  partition: PartitionFacts,
): HypercallPlan {
  if (control.fast && call.registers.rdx >> 32n !== 0n) return badInput('the upper half of RDX must be zero')
  const vector = reader.header.getUint32(0, true)
  const vps = vpsOfMask(reader.header.getBigUint64(8, true), partition)
  return vectorFault(vector) ?? success('sent', { ipi: { vector, vps } })
}

function planIpiEx(control: ControlWord, reader: InputReader, partition: PartitionFacts): HypercallPlan {
  const vector = reader.header.getUint32(0, true)
  const format = reader.header.getBigUint64(8, true)
  const validBankMask = reader.header.getBigUint64(16, true)
  const banksHeld = control.variableHeaderSize
  if (banksHeld !== bankCount(validBankMask)) {
    return badInput(
      `the mask announces ${bankCount(validBankMask)} banks, the variable header holds ${banksHeld}`,
    )
  }
  if (format === HV_GENERIC_SET_ALL) {
    return vectorFault(vector) ?? success('sent', { ipi: { vector, vps: partition.vps } })
  }
  if (banksHeld === 0) return success('an empty set: nothing is sent', {})
  const banks = readBanks(reader, 24, banksHeld, partition)
  if (banks === null) return badInput('the banks cannot be read')
  const vps = vpsOfBanks(validBankMask, banks, partition)
  return vectorFault(vector) ?? success('sent', { ipi: { vector, vps } })
}

function vectorFault(vector: number): CompletePlan | null {
  if (vector >= HV_IPI_LOW_VECTOR && vector <= HV_IPI_HIGH_VECTOR) return null
  return badInput(`vector 0x${vector.toString(16)} is outside 0x10..0xff`)
}
