import { flushPlace, type TargetRule } from '../../kernel/flush-rules.ts'
import type { FlushFunc, FlushMulti, Where } from '../events.ts'
import type { Flush } from '../flush.ts'
import type { Findings } from './decisions.ts'
import { isNoMm, type MachineReplay } from './machine-replay.ts'
import { cpusOfMask, maskAround } from './mask-replay.ts'
import { checkPagesSent, checkSize } from './size-check.ts'
import { checkTargets } from './target-check.ts'

const LOST_KEPT = 256

/** Generations that were taken and that no line shows. */
export interface GenerationGap {
  readonly mm: string
  readonly from: number
  readonly to: number
  /** The line that shows a later one. */
  readonly at: Where
}

/** What a checker has to know about the recorded machine. */
export interface CheckedMachine {
  readonly ceiling: number
  /** Whom its kernel interrupts; `not-lazy` by default. */
  readonly targets?: TargetRule
}

/** The decisions of the CPU that asks for a flush. */
export class FlushChecks {
  readonly #ceiling: number
  readonly #targets: TargetRule
  readonly #replay: MachineReplay
  readonly #findings: Findings
  readonly #onGap: (gap: GenerationGap) => void
  /** Mm and generation of each CPU's last remote flush: KVM's native part and the own execution show them again. */
  readonly #shown: (string | undefined)[] = []
  /** Likewise of its last own execution. */
  readonly #executed: (string | undefined)[] = []
  /** The latest executions without their probe. */
  readonly #lost: Where[] = []

  constructor(
    { ceiling, targets = 'not-lazy' }: CheckedMachine,
    replay: MachineReplay,
    findings: Findings,
    onGap: (gap: GenerationGap) => void,
  ) {
    this.#onGap = onGap
    this.#ceiling = ceiling
    this.#targets = targets
    this.#replay = replay
    this.#findings = findings
  }

  executionLost(at: Where): void {
    this.#lost.push(at)
    if (this.#lost.length > LOST_KEPT) this.#lost.shift()
  }

  /** The initiator shows the generation that it has taken: one more than the last, unless others are under way. */
  generation({ kind, mm, gen, at }: FlushMulti | FlushFunc): void {
    if (gen === 0) return
    const key = `${mm} ${gen}`
    // Until 5.12 the own execution comes before the remote flush.
    const again = this.#shown[at.cpu] === key || (kind !== 'flush_func' && this.#executed[at.cpu] === key)
    this.#shown[at.cpu] = kind === 'flush_func' ? undefined : key
    this.#executed[at.cpu] = kind === 'flush_func' ? key : undefined
    if (again) return
    const { known, between, shownAt, place } = this.#replay.generations.taken(mm, gen, at)
    const findings = this.#findings
    const begins = place === 'first' && this.#isOwnFresh(mm, at)
    if (begins && gen === 1) this.#replay.startsAt(at, mm, 0)
    if (place !== 'next' && !begins) {
      findings.unchecked('generation')
      return
    }
    if (gen === known + 1) {
      findings.agreed('generation')
      return
    }
    const lines = [at.line, ...(shownAt === undefined ? [] : [shownAt.line])]
    const common = {
      decision: 'generation',
      lines,
      cpu: at.cpu,
      predicted: `${known + 1}`,
      recorded: `${gen}`,
    } as const
    if (gen === known) findings.disagree({ ...common, standing: 'unexplained', why: 'taken twice' })
    else if (gen < known) {
      const why = `the flush that took ${known} showed it first`
      findings.disagree({ ...common, standing: 'race', race: 'generations merge', why })
    } else if (gen <= known + 1 + between) {
      const why = `${gen - known - 1} other flushes under way had taken theirs and not shown it yet`
      findings.disagree({ ...common, standing: 'race', race: 'generations merge', why })
    } else {
      const why = `generations ${known + 1} to ${gen - 1} have no line of their own`
      this.#onGap({ mm, from: known + 1, to: gen - 1, at })
      findings.disagree({ ...common, standing: 'lost', why })
    }
  }

  /** A task flushes the address space that it has had since its clone or exec, in the recording: its counter began at 0. */
  #isOwnFresh(mm: string, { pid, comm }: Where): boolean {
    const { spaces } = this.#replay
    if (spaces.kind(pid, comm) === 'kernel') return false
    const space = spaces.of(pid, comm)
    return space.fresh && (space.mm === mm || (space.mm === undefined && spaces.freshNamed(mm) === undefined))
  }

  /** A remote flush has returned. */
  returned(flush: Flush): void {
    checkSize(flush, this.#ceiling, this.#findings)
    checkPagesSent(flush, this.#ceiling, this.#findings)
    this.#place(flush)
    checkTargets(flush, this.#replay, this.#findings, this.#lost, this.#targets)
  }

  /** A flush is over, with all that came of it. */
  complete(flush: Flush): void {
    if (flush.remote !== undefined) {
      this.#doneOnReturn(flush)
      return
    }
    checkSize(flush, this.#ceiling, this.#findings)
    this.#place(flush)
  }

  /** Nobody else, this CPU, or nobody at all: by the mask, which is recorded only where a backend was given it. */
  #place({ request, info, local, remote }: Flush): void {
    const mm = info?.mm ?? request?.mm
    const at = remote?.at ?? local?.at ?? request?.at
    const findings = this.#findings
    if (mm === undefined || at === undefined || isNoMm(mm)) return
    const recorded = remote !== undefined ? 'multi' : local !== undefined ? 'local' : 'nowhere'
    if (remote !== undefined) {
      if (this.#replay.cpus.length > 64 && flushPlace(remote.mask, at.cpu, true) !== recorded) {
        // The mask that was recorded is one word: others are in the words behind it.
        findings.unchecked('place')
        return
      }
      findings.expect('place', flushPlace(remote.mask, at.cpu, true), recorded, {
        lines: [at.line],
        cpu: at.cpu,
      })
      return
    }
    const around = maskAround(this.#replay, mm, request?.at.line ?? at.line, at.line)
    const here = this.#replay.spaces.isNamed(this.#replay.cpu(at.cpu).at(at.line).space, mm)
    const loadedHere = local !== undefined || here === true
    const predicted = flushPlace(around.mask, at.cpu, loadedHere)
    if (predicted === recorded) {
      const undecided = around.unknown & ~(1n << BigInt(at.cpu))
      if (undecided === 0n || around.certain) findings.agreed('place')
      else findings.unchecked('place')
      return
    }
    const others = around.mask & ~(1n << BigInt(at.cpu))
    const lines = [at.line, ...(request ? [request.at.line] : []), ...around.changes]
    const common = { decision: 'place', lines, cpu: at.cpu, predicted, recorded } as const
    if (others !== 0n && (others & ~around.mayBeOut) === 0n) {
      const why = `CPU ${cpusOfMask(others)} was leaving the mask`
      findings.disagree({ ...common, standing: 'race', race: 'leaves the mask', why })
    } else {
      findings.disagree({
        ...common,
        standing: 'unexplained',
        why: `CPU ${cpusOfMask(others)} has the mm loaded`,
      })
    }
  }

  #doneOnReturn({ remote, info }: Flush): void {
    if (remote?.returned === undefined || remote.backend === 'xen' || remote.backend === 'hyperv') return
    const late = remote.handlers.filter((handling) => handling.afterReturn)
    if (late.length === 0) {
      this.#findings.agreed('done on return')
      return
    }
    this.#findings.disagree({
      decision: 'done on return',
      standing: 'unexplained',
      lines: [remote.returned.line, ...late.map(({ at }) => at.line)],
      cpu: remote.at.cpu,
      predicted: 'every execution before the return',
      recorded: `${late.length} after it`,
      why: `generation ${info?.gen}`,
    })
  }
}
