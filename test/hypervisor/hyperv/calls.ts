/** Calls for tests: an encoded input in a page of guest memory, or in registers. */
import {
  type EncodedCall,
  encodeFlushInput,
  encodeIpiInput,
  type FlushInput,
  type FlushInputOf,
  fastRegisters,
  type IpiInput,
  memoryRegisters,
} from '../../../src/abi/index.ts'
import {
  type CallerState,
  callerOn,
  type GuestMemory,
  type HypercallCall,
} from '../../../src/hypervisor/hyperv/partition.ts'

export const INPUT_GPA = 0x10000n

/** Guest memory that holds `bytes` at `gpa`, zeros up to `size`, and nothing else. */
export function memoryWith(bytes: Uint8Array, gpa: bigint, size = 0x2000): GuestMemory {
  const image = new Uint8Array(size)
  const base = gpa & ~0xfffn
  image.set(bytes.subarray(0, size - Number(gpa - base)), Number(gpa - base))
  return (at, length) => {
    const offset = Number(at - base)
    return offset >= 0 && offset + length <= size ? image.subarray(offset, offset + length) : null
  }
}

export interface CallChanges {
  readonly control?: bigint
  readonly gpa?: bigint
  readonly memory?: GuestMemory
  readonly caller?: CallerState
}

export function encoded(input: FlushInput | IpiInput): EncodedCall {
  return input.call === 'ipi' || input.call === 'ipi-ex' ? encodeIpiInput(input) : encodeFlushInput(input)
}

/** The memory form. */
export function slowCall(
  input: FlushInput | IpiInput | EncodedCall,
  changes: CallChanges = {},
): HypercallCall {
  const { control, bytes } = 'bytes' in input ? input : encoded(input)
  const gpa = changes.gpa ?? INPUT_GPA
  return {
    registers: memoryRegisters(changes.control ?? control, gpa),
    memory: changes.memory ?? memoryWith(bytes, gpa),
    caller: changes.caller ?? callerOn(0),
  }
}

/** The register form; memory cannot be read at all. */
export function fastCall(input: FlushInput | IpiInput, changes: CallChanges = {}): HypercallCall {
  const registers = fastRegisters(encoded(input))
  if (!registers.ok) throw new Error(registers.error.message)
  const rcx = changes.control ?? registers.value.rcx
  return { registers: { ...registers.value, rcx }, memory: () => null, caller: changes.caller ?? callerOn(0) }
}

export const ONE_PAGE = 0x7f0012345000n
export const SPACE: FlushInputOf<'space'> = { call: 'space', addressSpace: 0n, flags: 2n, processorMask: 4n }
export const LIST: FlushInputOf<'list'> = {
  call: 'list',
  addressSpace: 0n,
  flags: 2n,
  processorMask: 4n,
  gvaList: [ONE_PAGE],
}
export const SPACE_EX: FlushInputOf<'space-ex'> = {
  call: 'space-ex',
  addressSpace: 0n,
  flags: 2n,
  vpSet: { format: 0n, validBankMask: 3n, banks: [4n, 2n] },
}
export const LIST_EX: FlushInputOf<'list-ex'> = { ...SPACE_EX, call: 'list-ex', gvaList: [ONE_PAGE] }
