/**
 * Runs the selftest cases against a profile, through bytes: a guest page or registers in, a result word out. The
 * guest's vCPUs have TLBs; a stage passes when every call returns success and every VP that must see a change of the
 * page tables sees it.
 */
import {
  decodeResultWord,
  type EncodedCall,
  fastRegisters,
  HV_X64_MSR_GUEST_OS_ID,
  HV_X64_MSR_HYPERCALL,
  HV_X64_MSR_VP_INDEX,
  memoryRegisters,
  msrAccess,
} from '../../abi/index.ts'
import { planHypercall } from './dispatch.ts'
import { EMPTY_FIFO, fifoDrain, fifoEnqueue, type KvmFifo } from './kvm-fifo.ts'
import {
  callerOn,
  type GuestMemory,
  type HypercallCall,
  type PartitionFacts,
  type ProfileName,
  partitionOf,
} from './partition.ts'
import { type FlushScope, type HypercallPlan, planSummary } from './plan.ts'
import {
  type CallForm,
  FEATURE_CASES,
  FLUSH_CASES,
  type FlushCase,
  IPI_CASES,
  type IpiCase,
  SENDER,
  TEST_PAGE,
  WORKERS,
} from './selftests.ts'

/** The outcome of one case on one profile. */
export interface Conformance {
  readonly title: string
  readonly outcome: 'pass' | 'fail'
  /** The answer of the hypervisor, or what a worker saw. */
  readonly detail: string
}

const ITERATIONS = 100
const INPUT_PAGE = 0x1_0000n
const PAGE_NUMBER = Number(TEST_PAGE >> 12n)

/** A vCPU: the translations that it caches for the one address space of these tests, and its KVM flush queue. */
interface Vcpu {
  readonly tlb: Map<number, number>
  fifo: KvmFifo
}

/** `hyperv_tlb_flush`: stages 1 to 10 in the memory form, 11 to 20 in registers. */
export function runFlushCases(profile: ProfileName): Conformance[] {
  const both: CallForm[] = ['slow', 'fast']
  return both.flatMap((form) => FLUSH_CASES.map((c) => runFlushCase(profile, c, form)))
}

function runFlushCase(profile: ProfileName, flush: FlushCase, form: CallForm): Conformance {
  const stage = form === 'slow' ? flush.stage : flush.stage + 10
  const title = `${stage} ${form === 'slow' ? '' : 'fast '}${flush.title}`
  const vcpus = new Map<number, Vcpu>(
    [SENDER, ...WORKERS].map((vp) => [vp, { tlb: new Map(), fifo: EMPTY_FIFO }]),
  )
  const partition = partitionOf(vcpus.keys())
  let frame = 1
  for (let k = 0; k < ITERATIONS; k++) {
    for (const vp of WORKERS) read(vcpus, vp, frame)
    frame = 3 - frame
    const plan = planHypercall(profile, callOf(flush.call, form), partition)
    if (plan.kind !== 'complete' || decodeResultWord(plan.result).status !== 0) {
      return { title, outcome: 'fail', detail: planSummary(plan) }
    }
    carryOut(vcpus, plan, partition)
    const blind = flush.seenBy.find((vp) => read(vcpus, vp, frame) !== frame)
    if (blind !== undefined) return { title, outcome: 'fail', detail: `VP ${blind} reads the old page` }
  }
  return { title, outcome: 'pass', detail: 'SUCCESS' }
}

/** A guest read of the test page: through the TLB, filling it from the page table when the entry is not there. */
function read(vcpus: Map<number, Vcpu>, vp: number, frame: number): number {
  const vcpu = vcpus.get(vp)
  const cached = vcpu?.tlb.get(PAGE_NUMBER)
  if (cached !== undefined) return cached
  vcpu?.tlb.set(PAGE_NUMBER, frame)
  return frame
}

/** The host's part: queues where the profile has them, emptied when the vCPU next enters; else the flush itself. */
function carryOut(vcpus: Map<number, Vcpu>, plan: HypercallPlan, partition: PartitionFacts): void {
  if (plan.kind !== 'complete' || plan.flush === null) return
  if (plan.queue === null) {
    for (const vp of plan.flush.vps) invalidate(vcpus.get(vp), plan.flush.spans)
    return
  }
  for (const vp of plan.queue.vps) {
    const vcpu = vcpus.get(vp)
    if (vcpu !== undefined) vcpu.fifo = fifoEnqueue(vcpu.fifo, plan.queue.entries)
  }
  for (const vcpu of vcpus.values()) {
    if (vcpu.fifo.length > 0) invalidate(vcpu, fifoDrain(vcpu.fifo, partition))
    vcpu.fifo = EMPTY_FIFO
  }
}

function invalidate(vcpu: Vcpu | undefined, spans: FlushScope['spans']): void {
  if (vcpu === undefined) return
  if (spans === 'all') {
    vcpu.tlb.clear()
    return
  }
  for (const page of vcpu.tlb.keys()) {
    if (spans.some((span) => page >= span.first && page < span.first + span.count)) vcpu.tlb.delete(page)
  }
}

/** The call as the guest makes it. In the register form memory cannot be read, so that nothing can come from there. */
function callOf({ control, bytes }: EncodedCall, form: CallForm): HypercallCall {
  const caller = callerOn(SENDER)
  if (form === 'slow') {
    return { registers: memoryRegisters(control, INPUT_PAGE), memory: pageWith(bytes), caller }
  }
  const fast = fastRegisters({ control, bytes })
  return {
    registers: fast.ok ? fast.value : memoryRegisters(control, 0n),
    memory: () => null,
    caller,
  }
}

function pageWith(bytes: Uint8Array): GuestMemory {
  const page = new Uint8Array(4096)
  page.set(bytes)
  return (gpa, length) => {
    const offset = Number(gpa - INPUT_PAGE)
    return offset >= 0 && offset + length <= 4096 ? page.subarray(offset, offset + length) : null
  }
}

/** `hyperv_ipi`: each stage in memory and in registers. */
export function runIpiCases(profile: ProfileName): Conformance[] {
  const both: CallForm[] = ['slow', 'fast']
  return IPI_CASES.flatMap((c) => both.map((form) => runIpiCase(profile, c, form)))
}

function runIpiCase(profile: ProfileName, ipi: IpiCase, form: CallForm): Conformance {
  const title = `${form === 'slow' ? '' : 'fast '}${ipi.title}`
  const partition = partitionOf([SENDER, ...WORKERS])
  const plan = planHypercall(profile, callOf(ipi.call, form), partition)
  if (plan.kind !== 'complete' || plan.status !== 0)
    return { title, outcome: 'fail', detail: planSummary(plan) }
  const wanted = ipi.targets === 'all' ? partition.vps : ipi.targets
  const right = plan.ipi?.vector === 0xfe && String(plan.ipi.vps) === String(wanted)
  return { title, outcome: right ? 'pass' : 'fail', detail: `interrupts on VP ${plan.ipi?.vps.join(', ')}` }
}

/** `hyperv_features`: the expectations are KVM's own, so other profiles fail here wherever they answer differently. */
export function runFeatureCases(profile: ProfileName): Conformance[] {
  let features: PartitionFacts['features'] = {
    xmmFastInput: false,
    extendedGvaRanges: false,
    remoteFlush: false,
    clusterIpi: false,
    exProcessorMasks: false,
    postMessages: false,
    signalEvents: false,
    debugging: false,
    extendedHypercalls: false,
    spinRetries: 0,
  }
  const base = partitionOf([SENDER, ...WORKERS], { enforceCpuid: true })
  let kvm = base.kvm
  return FEATURE_CASES.map(({ stage, title, control, grant, syndbg, expected }) => {
    features = { ...features, ...grant }
    kvm = { ...kvm, syndbg: syndbg ?? kvm.syndbg }
    const call: HypercallCall = {
      registers: { rcx: control, rdx: (control & 0x1_0000n) === 0n ? INPUT_PAGE : 0n, r8: 0n, xmm: [] },
      memory: pageWith(new Uint8Array(0)),
      caller: callerOn(SENDER),
    }
    const plan = planHypercall(profile, call, { ...base, features, kvm })
    const answer = plan.kind === 'complete' ? plan.status : plan.kind === 'fault' ? plan.vector : plan.kind
    return {
      title: `${stage} ${title}`,
      outcome: answer === expected ? 'pass' : 'fail',
      detail: planSummary(plan),
    }
  })
}

/** `hyperv_features`, MSR stages: GUEST_OS_ID, HYPERCALL and VP_INDEX without and with their CPUID bits. */
export function runMsrCases(): Conformance[] {
  const none = { hypercallMsrs: false, vpIndex: false }
  const both = { hypercallMsrs: true, vpIndex: true }
  const cases: [string, typeof none, number, 'read' | 'write', 'allowed' | 'GP'][] = [
    ['read GUEST_OS_ID without 03.EAX[5]', none, HV_X64_MSR_GUEST_OS_ID, 'read', 'GP'],
    ['read HYPERCALL without 03.EAX[5]', none, HV_X64_MSR_HYPERCALL, 'read', 'GP'],
    ['read GUEST_OS_ID with 03.EAX[5]', both, HV_X64_MSR_GUEST_OS_ID, 'read', 'allowed'],
    ['read HYPERCALL with 03.EAX[5]', both, HV_X64_MSR_HYPERCALL, 'read', 'allowed'],
    ['read VP_INDEX without 03.EAX[6]', none, HV_X64_MSR_VP_INDEX, 'read', 'GP'],
    ['read VP_INDEX with 03.EAX[6]', both, HV_X64_MSR_VP_INDEX, 'read', 'allowed'],
    ['write VP_INDEX with 03.EAX[6]', both, HV_X64_MSR_VP_INDEX, 'write', 'GP'],
  ]
  return cases.map(([title, features, msr, access, expected]) => {
    const detail = msrAccess(features, msr, access)
    return { title, outcome: detail === expected ? 'pass' : 'fail', detail }
  })
}
