/**
 * HV_STATUS: the low 16 bits of a hypercall's result. Source: TLFS, "Hypercall Status Codes"; OpenVMM `hvdef` for
 * 0x78. Only 0x0, 0x2 to 0x6 are answers of the calls in this folder; the others are here so that a trace can be read.
 */

/** One status code with the specification's name and, for the calls of this folder, when it is due. */
export interface StatusInfo {
  readonly code: number
  readonly name: string
  readonly meaning: string
}

export const HV_STATUS_SUCCESS = 0x0000
export const HV_STATUS_INVALID_HYPERCALL_CODE = 0x0002
export const HV_STATUS_INVALID_HYPERCALL_INPUT = 0x0003
export const HV_STATUS_INVALID_ALIGNMENT = 0x0004
export const HV_STATUS_INVALID_PARAMETER = 0x0005
export const HV_STATUS_ACCESS_DENIED = 0x0006
export const HV_STATUS_OPERATION_DENIED = 0x0008
/** Internal to OpenVMM's dispatcher ("retry me"); a guest never sees it. */
export const HV_STATUS_TIME_OUT = 0x0078

const ROWS: readonly (readonly [number, string, string])[] = [
  [0x0000, 'SUCCESS', 'done'],
  [0x0002, 'INVALID_HYPERCALL_CODE', 'the call code is not known'],
  [0x0003, 'INVALID_HYPERCALL_INPUT', 'the control word does not fit the call'],
  [
    0x0004,
    'INVALID_ALIGNMENT',
    'the input is not 8-byte aligned, crosses a page, or lies outside guest memory',
  ],
  [0x0005, 'INVALID_PARAMETER', 'reserved flags, a bad CR3, an empty or malformed VP set'],
  [0x0006, 'ACCESS_DENIED', 'the partition lacks the privilege'],
  [0x0007, 'INVALID_PARTITION_STATE', 'the partition is in the wrong state'],
  [0x0008, 'OPERATION_DENIED', 'the operation is not allowed now'],
  [0x0009, 'UNKNOWN_PROPERTY', 'no such property'],
  [0x000a, 'PROPERTY_VALUE_OUT_OF_RANGE', 'a property value is out of range'],
  [0x000b, 'INSUFFICIENT_MEMORY', 'the partition has too little memory deposited'],
  [0x000c, 'PARTITION_TOO_DEEP', 'partitions are nested too deeply'],
  [0x000d, 'INVALID_PARTITION_ID', 'no such partition'],
  [0x000e, 'INVALID_VP_INDEX', 'no such virtual processor'],
  [0x0010, 'NOT_FOUND', 'not found'],
  [0x0011, 'INVALID_PORT_ID', 'no such port'],
  [0x0012, 'INVALID_CONNECTION_ID', 'no such connection'],
  [0x0013, 'INSUFFICIENT_BUFFERS', 'no message buffer is free'],
  [0x0014, 'NOT_ACKNOWLEDGED', 'an earlier message is not acknowledged'],
  [0x0015, 'INVALID_VP_STATE', 'the virtual processor is in the wrong state'],
  [0x0016, 'ACKNOWLEDGED', 'acknowledged'],
  [0x0018, 'INVALID_SYNIC_STATE', 'the synthetic interrupt controller is in the wrong state'],
  [0x001d, 'NO_RESOURCES', 'no resources'],
  [0x001e, 'FEATURE_UNAVAILABLE', 'the feature is not available'],
  [0x0020, 'PROCESSOR_FEATURE_NOT_SUPPORTED', 'the processor lacks the feature'],
  [0x0033, 'INSUFFICIENT_BUFFER', 'the buffer is too small'],
  [0x0041, 'INVALID_LP_INDEX', 'no such logical processor'],
  [0x0050, 'INVALID_REGISTER_VALUE', 'the register cannot hold that value'],
  [0x0051, 'INVALID_VTL_STATE', 'the virtual trust level is in the wrong state'],
  [0x0071, 'OPERATION_FAILED', 'the operation failed'],
  [0x0072, 'NOT_ALLOWED_WITH_NESTED_VIRT_ACTIVE', 'not allowed while nested virtualization is active'],
  [0x0078, 'TIME_OUT', 'internal to OpenVMM: the call is to be retried'],
  [0x0079, 'CALL_PENDING', 'the call goes on in the background'],
  [0x0086, 'VTL_ALREADY_ENABLED', 'the virtual trust level is enabled already'],
]

/** Every known status, ascending by code. */
export const STATUSES: readonly StatusInfo[] = ROWS.map(([code, name, meaning]) => ({ code, name, meaning }))

const BY_CODE = new Map(STATUSES.map((s) => [s.code, s]))

/** What is known of a status code; `undefined` for codes outside the table. */
export function statusInfo(code: number): StatusInfo | undefined {
  return BY_CODE.get(code)
}

/** The specification's name of a status, or its number when it has none. */
export function statusName(code: number): string {
  return BY_CODE.get(code)?.name ?? `status 0x${code.toString(16)}`
}
