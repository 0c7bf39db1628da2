/**
 * The calls around the flushes that KVM's selftest of CPUID enforcement makes: their order of checks, not their
 * work. Source: Linux `arch/x86/kvm/hyperv.c`, `hv_check_hypercall_access` and `kvm_hv_hypercall`.
 */
import {
  HV_EXT_CALL_QUERY_CAPABILITIES,
  HVCALL_NOTIFY_LONG_SPIN_WAIT,
  HVCALL_POST_MESSAGE,
  HVCALL_RESET_DEBUG_SESSION,
  HVCALL_SIGNAL_EVENT,
} from '../../abi/calls.ts'
import type { ControlWord } from '../../abi/control-word.ts'
import {
  HV_STATUS_ACCESS_DENIED,
  HV_STATUS_INVALID_HYPERCALL_CODE,
  HV_STATUS_INVALID_HYPERCALL_INPUT,
  HV_STATUS_INVALID_PARAMETER,
  HV_STATUS_OPERATION_DENIED,
} from '../../abi/status.ts'
import type { PartitionFacts } from './partition.ts'
import { failure, type HypercallPlan, success } from './plan.ts'

/** Decides a call outside the flush and IPI families. */
export function planKvmOther(control: ControlWord, partition: PartitionFacts): HypercallPlan {
  if (partition.enforceCpuid && !mayCall(control.callCode, partition)) {
    return failure(HV_STATUS_ACCESS_DENIED, 'CPUID does not grant this call')
  }
  if (control.reserved !== 0n || control.nested) {
    return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, 'reserved bits of the control word are set')
  }
  const plain = control.repCount === 0 && control.repStart === 0 && control.variableHeaderSize === 0
  switch (control.callCode) {
    case HVCALL_NOTIFY_LONG_SPIN_WAIT:
      return plain ? success('yields to another vCPU', {}) : badInput('the call has neither list nor header')
    case HVCALL_POST_MESSAGE:
    case HVCALL_SIGNAL_EVENT:
      return plain && partition.kvm.synic === 'active'
        ? { kind: 'foreign', reason: 'handed to the virtual machine monitor' }
        : badInput('the synthetic interrupt controller is not active')
    case HVCALL_RESET_DEBUG_SESSION:
      if (partition.kvm.syndbg === 'absent') return unknownCall(control)
      return partition.kvm.syndbg === 'hypercalls'
        ? { kind: 'foreign', reason: 'handed to the virtual machine monitor' }
        : failure(HV_STATUS_OPERATION_DENIED, 'the debugger does not use hypercalls')
    case HV_EXT_CALL_QUERY_CAPABILITIES:
      return control.fast
        ? failure(HV_STATUS_INVALID_PARAMETER, 'the call cannot be fast')
        : { kind: 'foreign', reason: 'handed to the virtual machine monitor' }
    default:
      return unknownCall(control)
  }
}

function mayCall(code: number, { features, kvm }: PartitionFacts): boolean {
  switch (code) {
    case HVCALL_NOTIFY_LONG_SPIN_WAIT:
      return features.spinRetries !== 0 && features.spinRetries !== 0xffff_ffff
    case HVCALL_POST_MESSAGE:
      return features.postMessages
    case HVCALL_SIGNAL_EVENT:
      return features.signalEvents
    case HVCALL_RESET_DEBUG_SESSION:
      return kvm.syndbg === 'absent' || features.debugging
    case HV_EXT_CALL_QUERY_CAPABILITIES:
      return features.extendedHypercalls
    default:
      return true
  }
}

function badInput(reason: string): HypercallPlan {
  return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, reason)
}

function unknownCall(control: ControlWord): HypercallPlan {
  return failure(HV_STATUS_INVALID_HYPERCALL_CODE, `call code 0x${control.callCode.toString(16)} is unknown`)
}
