/**
 * Xen's viridian layer. Source: xen-project/xen, `xen/arch/x86/hvm/viridian/viridian.c` (`viridian_hypercall`,
 * `hvcall_flush`, `hvcall_flush_ex`, `hvcall_ipi`, `hvcall_ipi_ex`) and `hvm/hypercall.c`.
 *
 * Peculiar: the control word is hardly checked and rep count only echoed; lists are never read: every flush is of the
 * whole TLB of the chosen vCPUs; the flush calls refuse the fast form; CPL > 0 gives -EPERM, not a fault.
 */
import { viewOf, wordsOf } from '../../abi/bytes.ts'
import { callShape } from '../../abi/calls.ts'
import { type ControlWord, decodeControlWord } from '../../abi/control-word.ts'
import { HV_FLUSH_ALL_PROCESSORS } from '../../abi/flush.ts'
import { HV_IPI_HIGH_VECTOR, HV_IPI_LOW_VECTOR } from '../../abi/ipi.ts'
import { HV_STATUS_INVALID_HYPERCALL_CODE, HV_STATUS_INVALID_PARAMETER } from '../../abi/status.ts'
import { bankCount, HV_GENERIC_SET_ALL, HV_GENERIC_SET_SPARSE_4K } from '../../abi/vp-set.ts'
import type { HypercallCall, PartitionFacts } from './partition.ts'
import { type CompletePlan, failure, type HypercallPlan, success } from './plan.ts'
import { vpsOfBanks, vpsOfMask } from './targets.ts'

/** -EPERM as RAX shows it. */
const MINUS_EPERM = 0xffff_ffff_ffff_ffffn

/** Decides one call as Xen's viridian layer does. */
export function planXen(call: HypercallCall, facts: PartitionFacts): HypercallPlan {
  const { registers, caller } = call
  if (caller.cpl !== 0 && caller.mode !== 'real') {
    const eperm = failure(0xffff, `the caller runs at CPL ${caller.cpl}: -EPERM`)
    return { ...eperm, result: MINUS_EPERM }
  }
  if (!caller.eaxBit31) {
    return { kind: 'foreign', reason: 'EAX bit 31 is clear: this is a Xen hypercall' }
  }
  if (caller.mode === 'real' || caller.mode === 'protected16') {
    return { kind: 'ignored', reason: `no result is written in ${caller.mode} mode` }
  }
  const tooHigh = (facts.vps.at(-1) ?? 0) >= facts.xen.maxVcpus
  const partition = tooHigh ? { ...facts, vps: facts.vps.filter((vp) => vp < facts.xen.maxVcpus) } : facts
  const control = decodeControlWord(registers.rcx)
  const name = callShape(control.callCode)?.name
  switch (name) {
    case 'space':
    case 'list':
      return planFlush(call, control, partition)
    case 'space-ex':
    case 'list-ex':
      return planFlushEx(call, control, partition)
    case 'ipi':
      return planIpi(call, control, partition)
    case 'ipi-ex':
      return planIpiEx(call, control, partition)
    default:
      if (control.callCode === 0x0008) return success('yields to another vCPU', {})
      return failure(
        HV_STATUS_INVALID_HYPERCALL_CODE,
        `call code 0x${control.callCode.toString(16)} is unknown`,
      )
  }
}

function badParameter(reason: string): CompletePlan {
  return failure(HV_STATUS_INVALID_PARAMETER, reason)
}

function planFlush(call: HypercallCall, control: ControlWord, partition: PartitionFacts): HypercallPlan {
  if (control.fast) return badParameter('the flush calls have no fast form')
  const header = call.memory(call.registers.rdx, 24)
  if (header === null) return badParameter('the input cannot be read')
  const view = viewOf(header)
  const everybody = (view.getBigUint64(8, true) & HV_FLUSH_ALL_PROCESSORS) !== 0n
  const vps = everybody ? partition.vps : vpsOfMask(view.getBigUint64(16, true), partition)
  return flushWhole(vps, control, partition)
}

function planFlushEx(call: HypercallCall, control: ControlWord, partition: PartitionFacts): HypercallPlan {
  if (control.fast) return badParameter('the flush calls have no fast form')
  const header = call.memory(call.registers.rdx, 32)
  if (header === null) return badParameter('the input cannot be read')
  const view = viewOf(header)
  const format = view.getBigUint64(16, true)
  if ((view.getBigUint64(8, true) & HV_FLUSH_ALL_PROCESSORS) !== 0n || format === HV_GENERIC_SET_ALL) {
    return flushWhole(partition.vps, control, partition)
  }
  const vps = vpsOfSet(call, format, view.getBigUint64(24, true), 32n, partition)
  return Array.isArray(vps) ? flushWhole(vps, control, partition) : vps
}

/** The vCPUs get new address-space tags, and those that run are interrupted so that they enter with them. */
function flushWhole(vps: readonly number[], control: ControlWord, partition: PartitionFacts): HypercallPlan {
  if (partition.xen.flush === 'contended') {
    return { kind: 'retry', reason: 'another vCPU is in the middle of a flush' }
  }
  return success('the whole TLB of every chosen vCPU', {
    repsCompleted: control.repCount,
    flush: { vps, addressSpace: 'all', globals: 'flushed', spans: 'all' },
    awaited: [],
  })
}

/** The vCPUs of a set whose banks lie behind the header: as many as the mask announces, whatever the control word says. */
function vpsOfSet(
  call: HypercallCall,
  format: bigint,
  validBankMask: bigint,
  banksAt: bigint,
  partition: PartitionFacts,
): number[] | CompletePlan {
  if (format === HV_GENERIC_SET_ALL) return [...partition.vps]
  if (format !== HV_GENERIC_SET_SPARSE_4K) return badParameter(`VP set format ${format} is undefined`)
  const count = bankCount(validBankMask)
  const bytes =
    count === 0 ? new Uint8Array(0) : call.memory(BigInt.asUintN(64, call.registers.rdx + banksAt), 8 * count)
  if (bytes === null) return badParameter('the banks cannot be read')
  return vpsOfBanks(validBankMask, wordsOf(bytes, 0, count), partition)
}

function planIpi(call: HypercallCall, control: ControlWord, partition: PartitionFacts): HypercallPlan {
  const { rdx, r8 } = call.registers
  if (control.fast) {
    if (rdx >> 32n !== 0n) return badParameter('the upper half of RDX must be zero')
    return send(Number(rdx), vpsOfMask(r8, partition))
  }
  const header = call.memory(rdx, 16)
  if (header === null) return badParameter('the input cannot be read')
  const view = viewOf(header)
  if (view.getUint32(4, true) !== 0) return badParameter('target VTL or reserved bytes are set')
  return send(view.getUint32(0, true), vpsOfMask(view.getBigUint64(8, true), partition))
}

function planIpiEx(call: HypercallCall, control: ControlWord, partition: PartitionFacts): HypercallPlan {
  if (control.fast) return badParameter('the call has no fast form')
  const header = call.memory(call.registers.rdx, 24)
  if (header === null) return badParameter('the input cannot be read')
  const view = viewOf(header)
  if (view.getUint32(4, true) !== 0) return badParameter('target VTL or reserved bytes are set')
  const vector = view.getUint32(0, true)
  const wrong = vectorFault(vector)
  if (wrong !== null) return wrong
  const vps = vpsOfSet(call, view.getBigUint64(8, true), view.getBigUint64(16, true), 24n, partition)
  return Array.isArray(vps) ? send(vector, vps) : vps
}

function send(vector: number, vps: readonly number[]): CompletePlan {
  return vectorFault(vector) ?? success('sent', { ipi: { vector, vps } })
}

function vectorFault(vector: number): CompletePlan | null {
  if (vector >= HV_IPI_LOW_VECTOR && vector <= HV_IPI_HIGH_VECTOR) return null
  return badParameter(`vector 0x${vector.toString(16)} is outside 0x10..0xff`)
}
