/**
 * Running vCPUs: requests that must be served before a vCPU executes guest code again, and kicks for those that do.
 *
 *   requester                               vCPU thread
 *     request[v] |= flush   (locked)          mode[v] = IN_GUEST
 *     if mode[v] == IN_GUEST:                 smp_mb
 *       kick v, wait until it is taken        if request[v]: mode[v] = OUTSIDE, serve it, again
 *                                             enter guest; a kick in between forces an exit
 *
 * Both sides store before they look, so at least one sees the other (KVM's vcpu-requests document).
 */
import { cpuName } from '../core/cells.ts'
import type { Operation, Task } from '../core/operation.ts'
import { newHandleId, type Plain } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { Host, type HostVector } from '../machine/host.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { Made } from '../machine/made.ts'
import { cpuBit, loadMask } from '../machine/masks.ts'
import { flushGuestTlb, type GuestFlush } from '../machine/tlb.ts'
import {
  atomic,
  load,
  loadVcpuState,
  rmwAsBarrier,
  store,
  type Variable,
  xchg,
} from '../machine/variables.ts'

/** Requests that are kept for each vCPU: they are few as long as callers flush the same things again. */
const MADE = 64

/** What a vCPU still has to flush; null for nothing. */
type PendingFlushes = readonly GuestFlush[] | null

export class VcpuRunner {
  readonly handleId = newHandleId()
  readonly host: Host
  private readonly mode: readonly Variable<number>[]
  private readonly requests: readonly Variable<PendingFlushes>[]
  /** Per vCPU: requests to flush something that are made once. */
  private readonly requesting: readonly Made<GuestFlush>[]
  private readonly kick: HostVector
  private readonly machine: Machine
  private readonly onlyCaller: number | undefined

  /** @param onlyCaller - the only vCPU that leaves guest mode without being kicked, where that is known */
  constructor(machine: Machine, onlyCaller?: number) {
    this.machine = machine
    this.onlyCaller = onlyCaller
    this.host = new Host(machine)
    this.mode = machine.perCpu('vcpu mode', () => 1)
    this.requests = machine.cpus.map((cpu) =>
      machine.plainVariable<PendingFlushes>(cpuName`vcpu request[${cpu.id}]`, null, (flushes) =>
        flushes === null ? 'none' : 'flush',
      ),
    )
    this.requesting = machine.cpus.map(() => new Made(MADE))
    const runner = this
    this.kick = this.host.declareVector('kick', (cpu) => runner.leaveGuest(cpu))
    this.host.enter = function* enterGuest(cpu: Cpu): Task<void> {
      yield* call(vcpuEnterGuest, runner, cpu)
    }
  }

  /** The vCPU's thread notes that it is out of guest mode. */
  *leaveGuest(cpu: Cpu): Task<void> {
    yield* store(this.mode[cpu.id]!, 0)
  }

  /** The host takes vCPUs off their CPUs, at most `budget` times each; what is asked of them meanwhile is served at entry. */
  declarePreemption(budget: number, cpus?: readonly Cpu[]): void {
    const runner = this
    if (budget > 0 && this.onlyCaller !== undefined)
      throw new RangeError('a vCPU that is preempted leaves guest mode without being kicked')
    this.host.declarePreemption(
      function* schedule(cpu: Cpu): Task<void> {
        yield* runner.leaveGuest(cpu)
        yield* runner.host.waitToRunTakingVectors(cpu)
      },
      budget,
      cpus,
    )
  }

  /** Executes a hypercall: exit, the host's code, entry. */
  *hypercall<T extends Plain>(cpu: Cpu, name: string, body: (cpu: Cpu) => Task<T>): Task<T> {
    yield* this.host.vmExit(cpu, name)
    yield* this.leaveGuest(cpu)
    const result = yield* body(cpu)
    yield* this.host.enter(cpu)
    return result
  }

  /**
   * Flushes the guest TLBs of vCPUs: this one at once, running ones by a kick, the others before they run again. Returns when
   * none of them can use what was to be flushed.
   */
  *flushVcpus(cpu: Cpu, targets: readonly number[], flush: GuestFlush): Task<void> {
    if (targets.includes(cpu.id)) yield* flushGuestTlb(cpu, flush, 'flush_vcpus')
    const others = targets.filter((target) => target !== cpu.id)
    if (this.onlyCaller === cpu.id && others.length > 1 && !this.machine.timed)
      return yield* this.flushAllInGuest(others, flush)
    for (const target of others) {
      yield* this.requestFlush(target, flush)
    }
    const awaited: number[] = []
    for (const target of others) {
      if ((yield* loadVcpuState(this.mode[target]!)) === 0) continue
      yield* this.host.raise(this.kick, target, 'flush_vcpus')
      awaited.push(target)
    }
    if (awaited.length === 0) return
    yield* this.awaitKicked(awaited)
  }

  private requestFlush(target: number, flush: GuestFlush): Operation<void> {
    return this.requesting[target]!.of(flush, () =>
      atomic(this.requests[target]!, `request flush of vCPU${target}`, (pending) => addFlush(pending, flush)),
    )
  }

  /**
   * The rest of {@link flushVcpus}, all vCPUs at a time, where nobody can tell: none of them looks at its request, or changes
   * its mode, before it has been kicked, and when it takes the kick is its own affair. So the order within each of the
   * loops makes no difference, and the vCPUs stay interchangeable.
   */
  private *flushAllInGuest(others: readonly number[], flush: GuestFlush): Task<void> {
    const requests = (target: number) => this.requests[target]!
    yield* this.host.forAllInGuest(this.kick, others, {
      label: `request flush of vCPUs {${others.join(',')}}`,
      writes: others.map((target) => requests(target).cell),
      apply: (memory, target) => {
        const { cell, decode, encode } = requests(target)
        memory.set(cell, encode(addFlush(decode(memory.get(cell)), flush)))
      },
    })
    const running = yield* loadMask(this.mode, 'vcpu modes')
    const awaited = others.filter((target) => (running & cpuBit(target)) !== 0n)
    if (awaited.length === 0) return
    yield* this.host.raiseOnAll(this.kick, awaited, 'flush_vcpus')
    yield* this.awaitKicked(awaited)
  }

  private awaitKicked(awaited: readonly number[]) {
    return this.host.awaitTaken(this.kick, awaited, 'wait for kicked vCPUs', {
      what: 'wait',
      site: 'flush_vcpus: wait for exits',
    })
  }

  /** `vcpu_enter_guest()`: see the drawing above. */
  *enterLoop(cpu: Cpu): Task<void> {
    const mode = this.mode[cpu.id]!
    const request = this.requests[cpu.id]!
    for (;;) {
      yield* call(serveRequests, this, cpu)
      // smp_store_mb(): an exchange, so that the store is out before the requests are looked at again.
      yield* rmwAsBarrier(mode, '% = IN_GUEST', inGuest, 'vcpu_enter_guest: smp_store_mb')
      if ((yield* load(request)) === null && (yield* this.host.tryEntry(cpu)) < 0) return
      yield* store(mode, 0)
    }
  }

  /** Serves what others have asked of this vCPU. */
  *serve(cpu: Cpu): Task<void> {
    const flushes = yield* xchg(this.requests[cpu.id]!, null)
    if (flushes === null) return
    for (const flush of flushes) yield* flushGuestTlb(cpu, flush, 'vcpu_enter_guest')
  }
}

function addFlush(pending: PendingFlushes, flush: GuestFlush): PendingFlushes {
  return pending === null ? [flush] : [...pending, flush]
}

function inGuest(): number {
  return 1
}

function vcpuEnterGuest(runner: VcpuRunner, cpu: Cpu): Task<void> {
  return runner.enterLoop(cpu)
}

function serveRequests(runner: VcpuRunner, cpu: Cpu): Task<void> {
  return runner.serve(cpu)
}
