/**
 * KVM's side of the PV flush: what the host does with a vCPU's `preempted` byte when it takes the vCPU off its CPU and when
 * it runs it again (`kvm_steal_time_set_preempted`, `record_steal_time`). The exchange on the guest's own byte is what loses
 * no flush (commit b043138246a4, CVE-2019-3016).
 */
import { KVM_VCPU_FLUSH_TLB, KVM_VCPU_PREEMPTED } from '../abi/kvm.ts'
import type { Task } from '../core/operation.ts'
import { newHandleId } from '../core/plain.ts'
import { Host, waitToRun } from '../machine/host.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { flushGuestTlb, type GuestFlush } from '../machine/tlb.ts'
import { load, store, type Variable, xchg } from '../machine/variables.ts'

const EVERYTHING: GuestFlush = { addressSpace: 'all', spans: 'all', globals: 'flushed' }

export class KvmHost {
  readonly handleId = newHandleId()
  readonly host: Host
  /** `preempted` of each vCPU's steal-time area: guest memory. */
  readonly preempted: readonly Variable<number>[]
  /** vCPUs that the host never takes off their CPUs: their bytes stay as they are. */
  neverPreempted: readonly number[]

  private readonly halted: readonly Variable<number>[] | undefined

  /**
   * @param halted - per vCPU: it sleeps in HLT, and is not said to be preempted when it leaves its CPU (6cd88243c7e0: only at an
   * instruction boundary); by default every vCPU that leaves its CPU is
   */
  constructor(machine: Machine, halted?: readonly Variable<number>[]) {
    this.host = new Host(machine)
    this.halted = halted
    this.preempted = machine.perCpu('steal time: preempted', () => 0, 2)
    this.neverPreempted = machine.cpus.map(({ id }) => id)
  }

  /** The host takes vCPUs off their CPUs, at most `budget` times each. */
  declarePreemption(budget: number, cpus?: readonly Cpu[]): void {
    const kvm = this
    const some = cpus?.map(({ id }) => id)
    this.neverPreempted = this.neverPreempted.filter((cpu) => some !== undefined && !some.includes(cpu))
    this.host.declarePreemption(
      function* schedule(cpu: Cpu): Task<void> {
        yield* kvm.setPreempted(cpu)
        yield* waitToRun(cpu)
        yield* kvm.recordStealTime(cpu)
      },
      budget,
      cpus,
    )
  }

  /** `kvm_steal_time_set_preempted()`: at an instruction boundary, the vCPU is said to be off its CPU. */
  private *setPreempted(cpu: Cpu): Task<void> {
    if (this.halted !== undefined && (yield* load(this.halted[cpu.id]!)) === 1) return
    const byte = this.preempted[cpu.id]!
    if ((yield* load(byte)) === 0) yield* store(byte, KVM_VCPU_PREEMPTED)
  }

  /** `record_steal_time()`: before the vCPU runs again, the byte is taken in one exchange and its flush is done. */
  private *recordStealTime(cpu: Cpu): Task<void> {
    const old = yield* xchg(this.preempted[cpu.id]!, 0)
    if (old & KVM_VCPU_FLUSH_TLB) yield* flushGuestTlb(cpu, EVERYTHING, 'record_steal_time')
  }
}
