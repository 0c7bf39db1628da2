import { encodeFlushInput, type FlushInput, memoryRegisters } from '../../abi/index.ts'
import { planHypercall } from '../../hypervisor/hyperv/dispatch.ts'
import { EMPTY_FIFO, fifoDrain, fifoEnqueue, type KvmFifo } from '../../hypervisor/hyperv/kvm-fifo.ts'
import { callerOn, type PartitionFacts, partitionOf } from '../../hypervisor/hyperv/partition.ts'
import type { QueueRequest } from '../../hypervisor/hyperv/plan.ts'
import type { FlushCall } from '../pair.ts'
import type { Findings } from './decisions.ts'

/** An order that a vCPU has not served yet. */
export interface Order {
  readonly caller: number
  readonly call: FlushCall
  /** Runs of the caller's flush, filled in as vCPUs serve it. */
  readonly served: Map<number, Run>
}

/** One vCPU emptying its queue. */
export interface Run {
  readonly vcpu: number
  readonly line: number
  readonly start: number
  end: number
  did: 'list' | 'whole TLB' | 'unknown'
  /** Orders that it served together. */
  readonly orders: readonly Order[]
  /** Our queue held more than it takes, without a full flush among the orders. */
  readonly overflowed: boolean
}

/** A run with what our queue said when it began. */
interface OpenRun extends Run {
  readonly predicted: 'list' | 'whole TLB'
  readonly queue: KvmFifo
  /** Line of its end. */
  lastLine: number
}

interface Vcpu {
  /** What is surely queued when a run begins. */
  fifo: KvmFifo
  orders: Order[]
  run: OpenRun | undefined
  /** The queue as it may have become before the run under way emptied it: later orders came on top. */
  during: KvmFifo
}

const INPUT_PAGE = 0x1000n

/**
 * KVM's side, replayed: our `kvm` profile decides each call, its plan is put into the queues of the vCPUs that it
 * names, and a vCPU that empties its queue must flush at least what was recorded.
 */
export class HostReplay {
  readonly runs: Run[] = []
  /** Runs in which our host flushes more than was recorded: allowed, and counted. */
  more = 0
  readonly #vcpus: Vcpu[] = []
  readonly #partition: PartitionFacts
  readonly #findings: Findings
  /** Runs that flushed more than our queue explains so far. */
  readonly #suspects: OpenRun[] = []

  constructor(vcpus: number, findings: Findings) {
    this.#partition = partitionOf(Array.from({ length: vcpus }, (_, vcpu) => vcpu))
    this.#findings = findings
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      this.#vcpus.push({ fifo: EMPTY_FIFO, orders: [], run: undefined, during: EMPTY_FIFO })
    }
  }

  /** A call's input is decided and queued. */
  order(caller: number, call: FlushCall, input: FlushInput): Order {
    const order: Order = { caller, call, served: new Map() }
    const queue = this.#decide(caller, input)
    if (queue !== null && this.#suspects.length > 0) this.#clear(order, queue.vps, queue.entries)
    for (const number of queue?.vps ?? []) {
      const vcpu = this.#vcpus[number]
      if (vcpu === undefined || queue === null) continue
      vcpu.fifo = fifoEnqueue(vcpu.fifo, queue.entries)
      vcpu.orders.push(order)
      if (vcpu.run !== undefined) vcpu.during = fifoEnqueue(vcpu.during, queue.entries)
    }
    return order
  }

  #decide(caller: number, input: FlushInput): QueueRequest | null {
    const { control, bytes } = encodeFlushInput(input)
    const memory = (gpa: bigint, length: number) => {
      const at = Number(gpa - INPUT_PAGE)
      return at < 0 || at + length > bytes.length ? null : bytes.subarray(at, at + length)
    }
    const registers = memoryRegisters(control, INPUT_PAGE)
    const plan = planHypercall('kvm', { registers, memory, caller: callerOn(caller) }, this.#partition)
    return plan.kind === 'complete' ? plan.queue : null
  }

  /** A vCPU begins to empty its queue. */
  begin(number: number, line: number, time: number): void {
    const vcpu = this.#vcpus[number]
    if (vcpu === undefined) return
    const predicted = fifoDrain(vcpu.fifo, this.#partition) === 'all' ? 'whole TLB' : 'list'
    const { orders } = vcpu
    const full = orders.some(({ call }) => call.repCount === 0)
    const run: OpenRun = {
      vcpu: number,
      line,
      start: time,
      end: Number.POSITIVE_INFINITY,
      did: 'unknown',
      orders,
      overflowed: predicted === 'whole TLB' && !full,
      predicted,
      queue: vcpu.fifo,
      lastLine: line,
    }
    vcpu.run = run
    vcpu.orders = []
    vcpu.during = vcpu.fifo
    vcpu.fifo = EMPTY_FIFO
    for (const order of orders) order.served.set(number, run)
    this.runs.push(run)
  }

  /** It has done so: `ret` 0 for the listed addresses, anything else for the whole TLB. */
  end(number: number, line: number, time: number, ret: number): void {
    const vcpu = this.#vcpus[number]
    const run = vcpu?.run
    if (vcpu === undefined || run === undefined) return
    vcpu.run = undefined
    run.end = time
    run.lastLine = line
    run.did = ret === 0 ? 'list' : 'whole TLB'
    if (run.did === run.predicted) {
      this.#findings.agreed('host flushes enough')
      return
    }
    if (run.did === 'list') {
      this.more++
      this.#findings.agreed('host flushes enough')
      return
    }
    const late = fifoDrain(vcpu.during, this.#partition) === 'all'
    if (late) this.#less(run, 'race')
    else this.#suspects.push(run)
  }

  /** The recordings have ended: what no order has explained yet stays so. */
  finish(): void {
    for (const run of this.#suspects) this.#less(run, 'unexplained')
    this.#suspects.length = 0
  }

  /** A run that flushed everything before a call's orders were announced may have found them in its queue already. */
  #clear(order: Order, vcpus: readonly number[], entries: QueueRequest['entries']): void {
    for (let i = this.#suspects.length - 1; i >= 0; i--) {
      const run = this.#suspects[i]!
      if (!vcpus.includes(run.vcpu) || run.end < order.call.time) continue
      const found = fifoEnqueue(run.queue, entries)
      if (fifoDrain(found, this.#partition) !== 'all') continue
      this.#suspects.splice(i, 1)
      this.#less(run, 'race')
    }
  }

  #less(run: OpenRun, standing: 'race' | 'unexplained'): void {
    const race = standing === 'race'
    this.#findings.disagree({
      decision: 'host flushes enough',
      standing,
      lines: [],
      hostLines: [run.line, run.lastLine],
      cpu: run.vcpu,
      predicted: run.predicted,
      recorded: run.did,
      why: race
        ? 'an order that was being given while the vCPU emptied its queue was served at once'
        : 'no order explains it',
      ...(race && { race: 'orders merge' as const }),
    })
  }
}
