/**
 * The calls of the flush and IPI families, as data. Source: TLFS, "Hypercall reference"; the sizes are those of the
 * input structures in the same chapters.
 */

export const HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE = 0x0002
export const HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST = 0x0003
export const HVCALL_NOTIFY_LONG_SPIN_WAIT = 0x0008
export const HVCALL_SEND_IPI = 0x000b
export const HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX = 0x0013
export const HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX = 0x0014
export const HVCALL_SEND_IPI_EX = 0x0015
export const HVCALL_POST_MESSAGE = 0x005c
export const HVCALL_SIGNAL_EVENT = 0x005d
export const HVCALL_RESET_DEBUG_SESSION = 0x006b
export const HVCALL_FLUSH_GUEST_PHYSICAL_ADDRESS_SPACE = 0x00af
export const HVCALL_FLUSH_GUEST_PHYSICAL_ADDRESS_LIST = 0x00b0
export const HV_EXT_CALL_QUERY_CAPABILITIES = 0x8001

/** The short names that the command line and the typed inputs use. */
export type CallName = 'space' | 'list' | 'space-ex' | 'list-ex' | 'ipi' | 'ipi-ex' | 'gpa-space' | 'gpa-list'

/** How the input of a call is laid out: fixed header, variable header, elements. */
export interface CallShape {
  readonly code: number
  readonly name: CallName
  /** The specification's name. */
  readonly title: string
  /** A rep call carries a list of 8-byte elements; a simple call none. */
  readonly rep: boolean
  /** Bytes of the fixed header. */
  readonly fixedHeader: number
  /** Whether a variable header (the banks of a VP set) may follow. */
  readonly variable: boolean
}

function shape(
  code: number,
  name: CallName,
  title: string,
  kind: 'simple' | 'rep',
  fixedHeader: number,
  header: 'fixed' | 'variable',
): CallShape {
  return { code, name, title, rep: kind === 'rep', fixedHeader, variable: header === 'variable' }
}

export const CALL_SHAPES: readonly CallShape[] = [
  shape(0x0002, 'space', 'HvFlushVirtualAddressSpace', 'simple', 24, 'fixed'),
  shape(0x0003, 'list', 'HvFlushVirtualAddressList', 'rep', 24, 'fixed'),
  shape(0x000b, 'ipi', 'HvSendSyntheticClusterIpi', 'simple', 16, 'fixed'),
  shape(0x0013, 'space-ex', 'HvFlushVirtualAddressSpaceEx', 'simple', 32, 'variable'),
  shape(0x0014, 'list-ex', 'HvFlushVirtualAddressListEx', 'rep', 32, 'variable'),
  shape(0x0015, 'ipi-ex', 'HvSendSyntheticClusterIpiEx', 'simple', 24, 'variable'),
  shape(0x00af, 'gpa-space', 'HvFlushGuestPhysicalAddressSpace', 'simple', 16, 'fixed'),
  shape(0x00b0, 'gpa-list', 'HvFlushGuestPhysicalAddressList', 'rep', 16, 'fixed'),
]

const BY_CODE = new Map(CALL_SHAPES.map((s) => [s.code, s]))
const BY_NAME = new Map(CALL_SHAPES.map((s) => [s.name, s]))

/** The shape of a call, or `undefined` for a code outside the flush and IPI families. */
export function callShape(code: number): CallShape | undefined {
  return BY_CODE.get(code)
}

/** The shape of a call by its short name. */
export function callShapeByName(name: CallName): CallShape {
  const found = BY_NAME.get(name)
  if (found === undefined) throw new RangeError(`no call named ${name}`)
  return found
}

/** Bytes of input that a control word announces: fixed header, variable header and all elements. */
export function inputSize(
  call: CallShape,
  control: { readonly variableHeaderSize: number; readonly repCount: number },
): number {
  return call.fixedHeader + 8 * control.variableHeaderSize + (call.rep ? 8 * control.repCount : 0)
}

/** How many 8-byte elements fit behind the headers in one page: 509 for `list`, 508 minus the banks for `list-ex`. */
export function listCapacity(call: CallShape, banks = 0): number {
  return call.rep ? (4096 - call.fixedHeader - 8 * banks) >> 3 : 0
}
