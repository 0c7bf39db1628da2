import {
  HYPERV_KERNELS,
  type HypervFlushInputs,
  type HypervKernel,
  type HypervPlan,
  planHypervFlush,
} from '../../kernel/flush/hyperv-rules.ts'
import type { FlushCall, PairedFlush } from '../pair.ts'
import { weight } from '../tally.ts'
import type { Space } from './address-spaces.ts'
import type { Findings, Race } from './decisions.ts'
import type { MachineReplay } from './machine-replay.ts'
import { cpusOfMask } from './mask-replay.ts'
import { addressOf } from './size-check.ts'

const WORD = (1n << 64n) - 1n
const bit = (cpu: number): bigint => 1n << BigInt(cpu)

/** What is known of the targets' states when the guest chose. */
interface Targets {
  readonly mask: bigint
  readonly lazy: bigint
  /** CPUs of which the recording has not told yet whether they are lazy. */
  readonly unknown: bigint
  /** CPUs that may have been seen otherwise, and why. */
  readonly maybeLazy: bigint
  readonly maybeNotLazy: bigint
  readonly mayJoin: bigint
  readonly mayLeave: bigint
}

/**
 * Checks what a Hyper-V guest asked of its hypervisor: call, flags, processors and list of each flush, as our backend
 * of that kernel plans them from the mask, the range and the lazy CPUs.
 */
export class CallChecks {
  readonly #kernel: HypervKernel
  readonly #vcpus: number
  readonly #replay: MachineReplay
  readonly #findings: Findings
  /** The root of each mm's page tables, as its first call told it. */
  readonly #roots = new Map<string | Space, bigint>()

  constructor(kernel: HypervKernel, vcpus: number, replay: MachineReplay, findings: Findings) {
    this.#kernel = kernel
    this.#vcpus = vcpus
    this.#replay = replay
    this.#findings = findings
  }

  /**
   * Checks one call once its request to the vCPUs is known.
   *
   * @param guestLine - the last line of the guest's recording until then
   * @returns our plan, adjusted to what the recording shows to have been seen
   */
  check(flush: PairedFlush, call: FlushCall, guestLine: number): HypervPlan {
    const { event } = flush.guest
    const targets = this.#targets(flush, call, guestLine)
    const recorded = describeCall(call)
    const nominal = this.#plan(flush, call, targets.mask, targets.lazy)
    if (describePlan(nominal, call) === recorded) {
      this.#findings.agreed('hypercall')
      return nominal
    }
    const common = {
      decision: 'hypercall',
      lines: [event.at.line],
      hostLines: [call.at.line],
      cpu: event.at.cpu,
      predicted: describePlan(nominal, call),
      recorded,
    } as const
    for (const other of this.#alternatives(flush, call, targets)) {
      if (describePlan(other.plan, call) !== recorded) continue
      if ((other.changed & ~targets.unknown) === 0n) {
        this.#findings.unchecked('hypercall')
        return other.plan
      }
      const why = `CPU ${cpusOfMask(other.changed)} ${other.race} meanwhile`
      this.#findings.disagree({ ...common, standing: 'race', race: other.race, why })
      return other.plan
    }
    this.#findings.disagree({ ...common, standing: 'unexplained', why: 'no CPU changed meanwhile' })
    return nominal
  }

  #plan(flush: PairedFlush, call: FlushCall, mask: bigint, lazy: bigint): HypervPlan {
    const { event, info } = flush.guest
    const root = this.#root(flush.guest, call)
    const inputs: HypervFlushInputs = {
      rules: HYPERV_KERNELS[this.#kernel],
      cr3: /^0+$/.test(event.mm) ? null : root,
      start: addressOf(event.start),
      end: addressOf(event.end),
      freedTables: info?.freed ?? false,
      present: (1n << BigInt(this.#vcpus)) - 1n,
      vpNumbers: Array.from({ length: this.#vcpus }, (_, cpu) => cpu),
      exProcessorMasks: true,
      mask,
      lazy,
    }
    return planHypervFlush(inputs)
  }

  /** An mm keeps its root; probes tell when a new mm bears the pointer of one that is gone. */
  #root({ event, info }: PairedFlush['guest'], call: FlushCall): bigint {
    const key = info === undefined ? event.mm : this.#replay.spaces.named(info.mm)
    const known = this.#roots.get(key)
    if (known !== undefined) return known
    if (this.#roots.size > 65_536) this.#roots.clear()
    const seen = BigInt.asUintN(64, call.addressSpace ?? 0n)
    this.#roots.set(key, seen)
    return seen
  }

  #targets({ guest }: PairedFlush, call: FlushCall, to: number): Targets {
    const { event, info } = guest
    const from = info?.at.line ?? event.at.line
    const mask = this.#mask(guest, call, event.at.line)
    let [lazy, unknown, maybeLazy, maybeNotLazy, mayJoin, mayLeave] = [0n, 0n, 0n, 0n, 0n, 0n]
    for (let cpu = 0; cpu < this.#vcpus; cpu++) {
      const replayed = this.#replay.cpu(cpu)
      // Without probes nobody knows whose mask it is, nor who is lazy on it: what was left out is taken as given.
      const { lazy: now } = info === undefined ? { lazy: false } : replayed.at(event.at.line)
      if (now === true) lazy |= bit(cpu)
      if (now === undefined) unknown |= bit(cpu)
      for (const { view } of replayed.during(from, to)) {
        if (view.lazy !== false) maybeLazy |= bit(cpu)
        if (view.lazy !== true) maybeNotLazy |= bit(cpu)
        if (info === undefined) continue
        const loaded = this.#replay.spaces.isNamed(view.space, info.mm)
        if (loaded !== false) mayJoin |= bit(cpu)
        if (loaded !== true) mayLeave |= bit(cpu)
      }
    }
    return { mask, lazy, unknown, maybeLazy, maybeNotLazy, mayJoin, mayLeave }
  }

  /** `mm_cpumask`: the probe prints its first word; further CPUs are those that have the mm loaded. */
  #mask({ event, info }: PairedFlush['guest'], call: FlushCall, line: number): bigint {
    const present = (1n << BigInt(this.#vcpus)) - 1n
    if (event.ncpus >= this.#vcpus) return present
    if (info === undefined) return call.targets?.form === 'mask' ? call.targets.mask & present : present
    // The event counts the whole mask: often that alone tells the CPUs beyond the first word.
    const beyond = present & ~WORD
    const count = event.ncpus - weight(info.mask)
    const first = info.mask & present
    if (count <= 0) return first
    if (count === weight(beyond)) return first | beyond
    let mask = first
    for (let cpu = 64; cpu < this.#vcpus; cpu++) {
      const { space } = this.#replay.cpu(cpu).at(line)
      if (this.#replay.spaces.isNamed(space, info.mm) === true) mask |= bit(cpu)
    }
    return mask
  }

  /** What the plan would be had CPUs been seen in their other state. */
  *#alternatives(
    flush: PairedFlush,
    call: FlushCall,
    targets: Targets,
  ): Generator<{ readonly plan: HypervPlan; readonly race: Race; readonly changed: bigint }> {
    const asked = askedFirstWord(call)
    const { mask, lazy, maybeLazy, maybeNotLazy, mayJoin, mayLeave } = targets
    const present = (1n << BigInt(this.#vcpus)) - 1n
    const given = asked ?? mask & WORD
    const joins = (asked === undefined ? present : given) & ~mask & mayJoin
    const leaves = asked === undefined ? 0n : mask & WORD & ~given & ~lazy & mayLeave
    const wakes = given & lazy & maybeNotLazy
    const dozes = asked === undefined ? 0n : mask & WORD & ~given & ~lazy & maybeLazy
    const high = mask & ~WORD
    for (const flipped of subsets(high & maybeLazy & maybeNotLazy)) {
      const states = (lazy & ~wakes) ^ flipped
      const changed = wakes | dozes | flipped
      const race = (dozes | (flipped & ~lazy)) !== 0n ? 'goes lazy' : 'leaves lazy mode'
      if (changed !== 0n) yield { plan: this.#plan(flush, call, mask, states | dozes), race, changed }
      if (joins !== 0n)
        yield {
          plan: this.#plan(flush, call, mask | joins, states | dozes),
          race: 'joins the mask',
          changed: joins,
        }
    }
    for (const out of subsets(high & mayLeave)) {
      const changed = leaves | out
      if (changed !== 0n)
        yield {
          plan: this.#plan(flush, call, mask & ~changed, lazy & ~wakes),
          race: 'leaves the mask',
          changed,
        }
    }
    for (const inside of subsets(present & ~WORD & ~mask & mayJoin)) {
      if (inside !== 0n)
        yield {
          plan: this.#plan(flush, call, mask | inside, lazy & ~inside),
          race: 'joins the mask',
          changed: inside,
        }
    }
  }
}

/** The subsets of a set of few CPUs. */
function* subsets(set: bigint): Generator<bigint> {
  if (weight(set) > 6) return yield 0n
  let subset = 0n
  do {
    yield subset
    subset = (subset - set) & set
  } while (subset !== 0n)
}

/** The CPUs 0 to 63 that the call asked for, as far as the host shows; undefined for everybody. */
function askedFirstWord(call: FlushCall): bigint | undefined {
  if (call.targets?.form === 'mask') return call.targets.mask
  const mask = call.request?.mask
  return mask === 'all' || mask === undefined ? undefined : mask
}

const hex = (value: bigint | number | undefined): string => `0x${(value ?? 0).toString(16)}`

/** A call as the host's events tell it. */
function describeCall(call: FlushCall): string {
  const { targets } = call
  const parts = [`code ${hex(call.code)}`, `flags ${hex(call.flags)}`, `space ${hex(call.addressSpace)}`]
  parts.push(`entries ${call.repCount}`)
  if (targets?.form === 'mask') parts.push(`mask ${hex(targets.mask)}`)
  if (targets?.form === 'banks') {
    parts.push(
      `banks ${hex(targets.validBankMask)} (${call.variableHeaderSize}), format ${hex(targets.format)}`,
    )
    const asked = askedFirstWord(call)
    if (asked !== undefined) parts.push(`bank 0 ${hex(asked)}`)
  }
  return parts.join(', ')
}

/** A plan in the same words. */
function describePlan(plan: HypervPlan, call: FlushCall): string {
  if (plan.kind !== 'call') return plan.kind === 'fault' ? plan.message : `${plan.kind}: ${plan.reason}`
  const { input } = plan
  const entries = 'gvaList' in input ? input.gvaList.length : 0
  const parts = [
    `code ${hex(plan.callCode)}`,
    `flags ${hex(input.flags)}`,
    `space ${hex(input.addressSpace)}`,
  ]
  parts.push(`entries ${entries}`)
  if ('processorMask' in input) {
    if ((input.flags & 1n) === 0n) parts.push(`mask ${hex(input.processorMask)}`)
  } else {
    const { format, validBankMask, banks } = input.vpSet
    parts.push(`banks ${hex(validBankMask)} (${banks.length}), format ${hex(format)}`)
    if (askedFirstWord(call) !== undefined) parts.push(`bank 0 ${hex(banks[0])}`)
  }
  return parts.join(', ')
}
