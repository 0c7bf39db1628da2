/**
 * Hyper-V's side as host code: the input page is read byte for byte through `abi/`, a profile decides, the plan is carried
 * out on the running vCPUs. The guarantee that Loeser quotes in the thread is `VcpuRunner.flushVcpus`: when the call returns,
 * the flush has taken effect on every processor that was named. It says nothing about what those processors were doing.
 */
import { callShape } from '../abi/calls.ts'
import { decodeControlWord } from '../abi/control-word.ts'
import { memoryRegisters } from '../abi/registers.ts'
import { Operation, type Task } from '../core/operation.ts'
import { newHandleId } from '../core/plain.ts'
import type { CallRegisters, GuestPage, HypercallOutcome, HypercallPort } from '../machine/hypercall.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { Made } from '../machine/made.ts'
import type { Values } from '../machine/recent.ts'
import type { GuestFlush } from '../machine/tlb.ts'
import { planHypercall } from './hyperv/dispatch.ts'
import { callerOn, type PartitionFacts, type ProfileName, partitionOf } from './hyperv/partition.ts'
import type { FlushScope, HypercallPlan } from './hyperv/plan.ts'
import { VcpuRunner } from './vcpu.ts'

const EVERYTHING = 0xffff_ffff_ffff_ffffn

export class HypervHost implements HypercallPort {
  readonly handleId = newHandleId()
  readonly runner: VcpuRunner
  private readonly profile: ProfileName
  private readonly vpNumbers: readonly number[]
  private readonly partition: PartitionFacts
  private readonly contents: Values<readonly bigint[]>
  private readonly reads = new Made<GuestPage>()
  /** Per processor: its last call, and what has to be done for it. */
  private readonly calls: (Decided | undefined)[] = []
  /** The copy of the input page that is being decoded. */
  private readonly copy: { readonly bytes: Uint8Array; readonly view: DataView }

  /**
   * @param vpNumbers - VP number of each CPU; CPU numbers if not given
   * @param onlyCaller - see {@link VcpuRunner}
   */
  constructor(machine: Machine, profile: ProfileName, vpNumbers?: readonly number[], onlyCaller?: number) {
    this.runner = new VcpuRunner(machine, onlyCaller)
    this.profile = profile
    const bytes = new Uint8Array(4096)
    this.copy = { bytes, view: new DataView(bytes.buffer) }
    this.contents = machine.values<readonly bigint[]>([])
    this.vpNumbers = vpNumbers ?? machine.cpus.map((cpu) => cpu.id)
    this.partition = partitionOf(this.vpNumbers, { semantics: 'exact' })
  }

  /** VMCALL with the input in a guest page. */
  vmcall(cpu: Cpu, registers: CallRegisters): Task<HypercallOutcome> {
    const { callCode } = decodeControlWord(registers.control)
    const name = callShape(callCode)?.title ?? `hypercall 0x${callCode.toString(16)}`
    return this.runner.hypercall(cpu, name, (caller) => this.serve(caller, registers))
  }

  private *serve(cpu: Cpu, registers: CallRegisters): Task<HypercallOutcome> {
    const words = yield* this.reads.of(registers.input, () => this.readPage(registers.input))
    const { flush, targets, outcome } = this.decide(cpu, registers, words)
    if (flush !== null) yield* this.runner.flushVcpus(cpu, targets, flush)
    return outcome
  }

  /** What a call asks for. The same call again, byte for byte, asks for the same: it is not decoded again. */
  private decide(cpu: Cpu, registers: CallRegisters, words: readonly bigint[]): Decided {
    const last = this.calls[cpu.id]
    if (last !== undefined && isSameCall(last, registers, words)) return last
    const decided = { registers, words, ...this.carriedOut(this.plan(cpu, registers, words)) }
    this.calls[cpu.id] = decided
    return decided
  }

  private carriedOut(plan: HypercallPlan): Pick<Decided, 'flush' | 'targets' | 'outcome'> {
    if (plan.kind !== 'complete') return { flush: null, targets: [], outcome: failed(0xffff_ffff_ffff_ffffn) }
    if (plan.flush === null) return { flush: null, targets: [], outcome: failed(plan.result) }
    const targets = plan.flush.vps.map((vp) => this.vpNumbers.indexOf(vp))
    return {
      flush: guestFlush(plan.flush),
      targets,
      outcome: outcomeOf(plan.result, plan.flush, targets),
    }
  }

  /** The hypervisor copies the input: the calling processor is suspended, and the page is its own. */
  private readPage(page: GuestPage): Operation<readonly bigint[]> {
    const cells = page.words.map((word) => word.cell)
    return new Operation<readonly bigint[]>({
      kind: 'load',
      label: 'read input page',
      host: true,
      footprint: () => ({ reads: cells }),
      apply: (memory) => this.contents.id(page.words.map((word) => word.decode(memory.get(word.cell)))),
      decode: (raw) => this.contents.value(raw),
    })
  }

  private plan(cpu: Cpu, { control, input }: CallRegisters, words: readonly bigint[]): HypercallPlan {
    const { bytes, view } = this.copy
    for (let i = 0; i < words.length; i++) view.setBigUint64(8 * i, words[i]!, true)
    bytes.fill(0, 8 * words.length)
    const memory = (gpa: bigint, length: number) => {
      const at = Number(gpa - input.gpa)
      return at < 0 || at + length > bytes.length ? null : bytes.subarray(at, at + length)
    }
    const registers = memoryRegisters(control, input.gpa)
    return planHypercall(
      this.profile,
      { registers, memory, caller: callerOn(this.vpNumbers[cpu.id]!) },
      this.partition,
    )
  }
}

/** A call as it was made, the vCPUs that have to flush for it, what they have to flush, and what the caller is told. */
interface Decided {
  readonly registers: CallRegisters
  readonly words: readonly bigint[]
  readonly flush: GuestFlush | null
  readonly targets: readonly number[]
  readonly outcome: HypercallOutcome
}

function isSameCall(last: Decided, { control, input }: CallRegisters, words: readonly bigint[]): boolean {
  if (last.registers.control !== control || last.registers.input !== input) return false
  for (let i = 0; i < words.length; i++) if (words[i] !== last.words[i]) return false
  return true
}

function guestFlush(scope: FlushScope): GuestFlush {
  const spans = scope.spans === 'all' ? 'all' : scope.spans.map(({ first, count }) => ({ first, count }))
  return { addressSpace: scope.addressSpace, spans, globals: scope.globals }
}

function failed(result: bigint): HypercallOutcome {
  return { result, reached: 0n, addressSpace: 0n, start: 0n, end: 0n }
}

function outcomeOf(
  result: bigint,
  { addressSpace, spans }: FlushScope,
  targets: readonly number[],
): HypercallOutcome {
  const reached = targets.reduce((mask, cpu) => mask | (1n << BigInt(cpu)), 0n)
  if (spans === 'all') return { result, reached, addressSpace, start: 0n, end: EVERYTHING }
  const [first] = spans
  if (first === undefined) return failed(result)
  const end = spans.reduce((to, span) => Math.max(to, span.first + span.count), 0)
  return { result, reached, addressSpace, start: BigInt(first.first) << 12n, end: BigInt(end) << 12n }
}
