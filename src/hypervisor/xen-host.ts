/**
 * Xen's side of a PV guest's remote flush (`flush_area_mask`): one global lock, one shared mask, a host IPI to each physical
 * CPU that holds a vCPU's dirty state, and a wait until all have acknowledged. Host IF=0 holds the acknowledgement off, which
 * is what keeps Xen's own spurious-fault walk safe; guest IF=0 holds off nothing.
 */
import { decodeMmuextOp, mmuextFlushOf } from '../abi/xen.ts'
import { Operation, type Task } from '../core/operation.ts'
import { newHandleId } from '../core/plain.ts'
import { Host, type HostVector } from '../machine/host.ts'
import type { CallRegisters, GuestPage, HypercallOutcome, HypercallPort } from '../machine/hypercall.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { type CpuMask, cpuBit, cpusOf, loadMask } from '../machine/masks.ts'
import type { Values } from '../machine/recent.ts'
import { flushGuestTlb, type GuestFlush } from '../machine/tlb.ts'
import { atomic, load, loadVcpuState, store, type Variable } from '../machine/variables.ts'

const EVERYTHING: GuestFlush = { addressSpace: 'all', spans: 'all', globals: 'flushed' }
const LAST = 0xffff_ffff_ffff_ffffn
const EINVAL = 0xffff_ffff_ffff_ffean

/**
 * Whom a flush interrupts: physical CPUs that run one of the vCPUs, all at once; or the last physical CPU of every vCPU, also
 * of one that sleeps, one after the other (what 17b997aa1e measured first, and calls naive).
 */
export type XenKicks = 'running' | 'all'

export class XenHost implements HypercallPort {
  readonly handleId = newHandleId()
  private readonly kicks: XenKicks
  readonly host: Host
  /** `vcpu->dirty_cpu`: the vCPU's state is on a physical CPU. */
  private readonly dirty: readonly Variable<number>[]
  private readonly flushLock: Variable<number>
  /** `flush_cpumask`: who has not acknowledged yet. */
  private readonly flushCpumask: readonly Variable<number>[]
  /** What is flushed: shared, under the lock. */
  private readonly flushWhat: Variable<GuestFlush>
  private readonly vector: HostVector
  private readonly machine: Machine
  private readonly onlyCaller: number | undefined
  private readonly contents: Values<readonly bigint[]>

  /** @param onlyCaller - the only vCPU that leaves guest mode without being interrupted, where that is known */
  constructor(machine: Machine, kicks: XenKicks = 'running', onlyCaller?: number) {
    this.machine = machine
    this.onlyCaller = onlyCaller
    this.kicks = kicks
    this.host = new Host(machine)
    this.contents = machine.values<readonly bigint[]>([])
    this.dirty = machine.perCpu('dirty_cpu', () => 1)
    this.flushLock = machine.variable('flush_lock')
    this.flushCpumask = machine.perCpu('flush_cpumask')
    this.flushWhat = machine.plainVariable<GuestFlush>('flush_area', EVERYTHING, () => 'flush')
    const xen = this
    this.vector = this.host.declareVector('Xen IPI', function* invalidateInterrupt(cpu: Cpu): Task<void> {
      yield* xen.acknowledge(cpu)
    })
  }

  private *acknowledge(cpu: Cpu): Task<void> {
    const what = yield* load(this.flushWhat)
    yield* flushGuestTlb(cpu, what, 'invalidate_interrupt')
    yield* atomic(this.flushCpumask[cpu.id]!, `clear CPU${cpu.id} in flush_cpumask`, () => 0)
  }

  /** The host takes vCPUs off their physical CPUs, at most `budget` times each. */
  declarePreemption(budget: number, cpus?: readonly Cpu[]): void {
    const xen = this
    if (budget > 0 && this.onlyCaller !== undefined)
      throw new RangeError('a vCPU that is preempted leaves guest mode without being interrupted')
    this.host.declarePreemption(
      function* schedule(cpu: Cpu): Task<void> {
        yield* xen.contextSwitch(cpu)
      },
      budget,
      cpus,
    )
  }

  /**
   * Switched out, and in again later. The dirty bit goes up before CR3 is loaded: a flusher that still saw it down is earlier
   * than that load, which flushes.
   */
  private *contextSwitch(cpu: Cpu): Task<void> {
    yield* atomic(this.dirty[cpu.id]!, `vCPU${cpu.id} is switched out`, () => 0)
    const pending = yield* this.host.takePending(cpu)
    if (pending >= 0) yield* this.host.handle(cpu, pending)
    yield* this.host.waitToRunTakingVectors(cpu)
    yield* atomic(this.dirty[cpu.id]!, `vCPU${cpu.id} is switched in`, () => 1)
    yield* flushGuestTlb(cpu, EVERYTHING, 'context_switch')
  }

  *vmcall(cpu: Cpu, registers: CallRegisters): Task<HypercallOutcome> {
    yield* this.host.vmExit(cpu, 'mmuext_op')
    const outcome = yield* this.doMmuextOp(cpu, registers.input)
    yield* this.host.enter(cpu)
    return outcome
  }

  private *doMmuextOp(cpu: Cpu, buffer: GuestPage): Task<HypercallOutcome> {
    const words = yield* this.readBuffer(buffer)
    const bytes = new Uint8Array(24)
    for (let i = 0; i < 3; i++) new DataView(bytes.buffer).setBigUint64(8 * i, words[i]!, true)
    const op = decodeMmuextOp(bytes)
    const flush = op.ok ? mmuextFlushOf(op.value) : op
    if (!flush.ok) return { result: EINVAL, reached: 0n, addressSpace: 0n, start: 0n, end: 0n }
    const { what, address } = flush.value
    const spans = what === 'all' ? ('all' as const) : [{ first: Number(address >> 12n), count: 1 }]
    const mask = words[3]!
    yield* this.flushAreaMask(cpu, mask, { addressSpace: 'all', spans, globals: 'flushed' })
    const range = what === 'all' ? { start: 0n, end: LAST } : { start: address, end: address + 4096n }
    return { result: 0n, reached: mask, addressSpace: 'all', ...range }
  }

  private readBuffer(buffer: GuestPage): Operation<readonly bigint[]> {
    return new Operation<readonly bigint[]>({
      kind: 'load',
      label: 'read mmuext_op',
      host: true,
      footprint: () => ({ reads: buffer.words.map((word) => word.cell) }),
      apply: (memory) => this.contents.id(buffer.words.map((word) => word.decode(memory.get(word.cell)))),
      decode: (raw) => this.contents.value(raw),
    })
  }

  /** `flush_area_mask()`: the physical CPUs with dirty state of these vCPUs are interrupted and waited for. */
  private *flushAreaMask(cpu: Cpu, mask: bigint, what: GuestFlush): Task<void> {
    if ((mask >> BigInt(cpu.id)) & 1n) yield* flushGuestTlb(cpu, what, 'flush_area_local')
    if (this.onlyCaller === cpu.id && this.kicks === 'running' && !this.machine.timed)
      return yield* this.flushAllInGuest(cpu, mask & ~cpuBit(cpu.id), what)
    const targets: number[] = []
    for (const target of cpusOf(mask)) {
      if (target === cpu.id) continue
      if ((yield* loadVcpuState(this.dirty[target]!)) === 1 || this.kicks === 'all') targets.push(target)
    }
    if (targets.length === 0) return
    yield* this.lock(cpu)
    yield* store(this.flushWhat, what)
    for (const target of targets) {
      yield* atomic(this.flushCpumask[target]!, `set CPU${target} in flush_cpumask`, () => 1)
      yield* this.host.raise(this.vector, target, 'flush_area_mask')
      if (this.kicks === 'all') yield* this.awaitAcknowledgements(cpu, [target])
    }
    if (this.kicks === 'running') yield* this.awaitAcknowledgements(cpu, targets)
    yield* store(this.flushLock, 0)
  }

  /**
   * The rest of {@link flushAreaMask}, all vCPUs at a time, where nobody can tell: none of them is switched out, or looks at the
   * mask, before it has been interrupted, and when it takes the interrupt is its own affair.
   */
  private *flushAllInGuest(cpu: Cpu, mask: CpuMask, what: GuestFlush): Task<void> {
    const targets = cpusOf(mask & (yield* loadMask(this.dirty, 'dirty_cpu')))
    if (targets.length === 0) return
    yield* this.lock(cpu)
    yield* store(this.flushWhat, what)
    const flag = (target: number) => this.flushCpumask[target]!.cell
    yield* this.host.forAllInGuest(this.vector, targets, {
      label: `set CPUs {${targets.join(',')}} in flush_cpumask`,
      writes: targets.map(flag),
      apply: (memory, target) => memory.set(flag(target), 1),
    })
    yield* this.host.raiseOnAll(this.vector, targets, 'flush_area_mask')
    yield* this.awaitAcknowledgements(cpu, targets)
    yield* store(this.flushLock, 0)
  }

  private *awaitAcknowledgements(cpu: Cpu, targets: readonly number[]): Task<void> {
    yield* this.host.waitWithInterrupts(
      cpu,
      targets.map((target) => this.flushCpumask[target]!),
      'wait for flush_cpumask',
      (flag) => flag === 0,
      { what: 'wait', site: 'flush_area_mask: wait' },
    )
  }

  /** `spin_lock(&flush_lock)`, with host interrupts on. */
  private *lock(cpu: Cpu): Task<void> {
    for (;;) {
      yield* this.host.waitWithInterrupts(cpu, [this.flushLock], 'spin on flush_lock', (held) => held === 0)
      const before = yield* atomicTake(this.flushLock)
      if (before === 0) return
    }
  }
}

function atomicTake(lock: Variable<number>): Operation<number> {
  return new Operation<number>({
    kind: 'rmw',
    label: `take ${lock.name}`,
    drains: true,
    host: true,
    footprint: () => ({ reads: [lock.cell], writes: [lock.cell] }),
    apply: (memory) => {
      const before = memory.get(lock.cell)
      memory.set(lock.cell, 1)
      return before
    },
    decode: (raw) => raw,
  })
}
