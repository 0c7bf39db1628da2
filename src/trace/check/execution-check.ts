import { TLB_FLUSH_ALL as WHOLE } from '../../kernel/flush-info.ts'
import { type HandlerOutcome, handlerOutcome, planFlush } from '../../kernel/flush-rules.ts'
import { type FlushInfo, TLB_FLUSH_ALL } from '../events.ts'
import type { Handling } from '../flush.ts'
import type { Disagreement, Findings } from './decisions.ts'
import type { Bounds } from './generations.ts'
import { isNoMm, type MachineReplay } from './machine-replay.ts'
import { addressOf } from './size-check.ts'

/** What was known when a CPU began to execute a flush. */
export interface ExecutionStart {
  /** The mm's generation as shown until then. */
  readonly mmGen: Bounds | undefined
  /** The event that was lost since the CPU's generation was last certain. */
  readonly lost: LostTrack | undefined
}

/** Where the recording shows that it lacks an event, and what it lacks. */
export interface LostTrack {
  readonly line: number
  readonly what: string
}

type Kind = HandlerOutcome['kind']
type Seen = 'nothing' | 'left mm' | 'range' | 'full' | 'unknown'

/** What each outcome looks like in a recording. */
const LOOKS: Readonly<Record<Kind, Seen>> = {
  'wrong-mm': 'nothing',
  'init-mm': 'nothing',
  superfluous: 'nothing',
  leave: 'left mm',
  'up-to-date': 'range',
  partial: 'range',
  full: 'full',
}

/** A possible state of the CPU and the mm, with what the kernel's rule makes of it. */
interface Case {
  readonly local: number
  readonly mmGen: number
  readonly outcome: HandlerOutcome
}

/** Generations of either side that are tried. */
const TRIED = 64
/** Generations that a batch may have taken unseen. */
const UNSEEN = 4

/** What the recording shows of an execution. */
export function seen(handling: Handling): Seen {
  switch (handling.outcome) {
    case 'flushed':
      return handling.pages === -1 ? 'full' : 'range'
    case 'left mm':
    case 'nothing':
    case 'unknown':
      return handling.outcome
  }
}

/**
 * Checks what `flush_tlb_func` did on a CPU. The rule is the kernel's own; the CPU's address space, laziness and
 * generation are replayed; the mm's generation is what was shown when the CPU began, or, where a flush of the same mm
 * was being started on another CPU, any that the CPU may have read until it was done.
 */
export function checkExecution(
  handling: Handling,
  info: FlushInfo,
  start: ExecutionStart,
  replay: MachineReplay,
  findings: Findings,
): 'checked' | 'if its task exits' {
  const { at } = handling
  const recorded = seen(handling)
  if (recorded === 'unknown') {
    findings.unchecked('outcome on a CPU')
    return 'checked'
  }
  const cpu = replay.cpu(at.cpu)
  const mm = isNoMm(info.mm) ? replay.nameLoaded(at.cpu) : info.mm
  const loaded = isNoMm(info.mm)
    ? mm !== undefined || undefined
    : replay.spaces.isNamed(cpu.view.space, info.mm)
  const { lazy } = cpu.view
  const low = Math.max(info.gen, start.mmGen?.low ?? info.gen)
  const high = Math.max(low, (mm === undefined ? undefined : replay.generations.now(mm)?.high) ?? low)
  const knows = cpu.gen !== undefined && loaded !== false
  // Batched unmaps raise generations where no probe sees it (arch_tlbbatch_add_pending).
  const hidden = isNoMm(info.mm) ? UNSEEN : 0
  const mmGens = { low, high: high + hidden }
  const cases = casesOf(handling, info, { loaded: loaded ?? true, lazy: lazy ?? false }, cpu.gen, mmGens)
  const [nominal] = cases
  const fitting = cases.filter(({ outcome }) => LOOKS[outcome.kind] === recorded)

  if (at.cpu === info.initiator && recorded === 'left mm' && loaded !== false && lazy !== true) {
    // exit_mm() makes a CPU lazy without an event; that the task was exiting is told by a later line.
    const [leaving] = casesOf(handling, info, { loaded: true, lazy: true }, cpu.gen, { low, high })
    if (leaving !== undefined && LOOKS[leaving.outcome.kind] === recorded) {
      learn(handling, info, replay, [leaving], recorded, { low, high })
      return 'if its task exits'
    }
  }
  const blind = isNoMm(info.mm) && start.mmGen === undefined
  const depends = hidden > 0 && new Set(cases.map(({ outcome }) => LOOKS[outcome.kind])).size > 1
  if (
    blind ||
    depends ||
    loaded === undefined ||
    (lazy === undefined && loaded) ||
    (loaded && !lazy && !knows && recorded !== 'left mm')
  ) {
    findings.unchecked('outcome on a CPU')
  } else if (nominal !== undefined && LOOKS[nominal.outcome.kind] === recorded) {
    findings.agreed('outcome on a CPU')
    checkPages(handling, info, nominal.outcome, findings)
  } else {
    findings.disagree(explain(handling, info, start, replay, nominal, fitting, recorded))
  }
  learn(handling, info, replay, fitting, recorded, mmGens)
  if (blind) cpu.gen = undefined
  return 'checked'
}

function casesOf(
  handling: Handling,
  info: FlushInfo,
  view: { readonly loaded: boolean; readonly lazy: boolean },
  local: Bounds | undefined,
  mm: Bounds,
): Case[] {
  const own = local ?? { low: info.gen - 1, high: info.gen - 1 }
  const cases: Case[] = []
  for (let mmGen = mm.low; mmGen <= Math.min(mm.high, mm.low + TRIED); mmGen++) {
    for (let gen = own.low; gen <= Math.min(own.high, own.low + TRIED); gen++) {
      const outcome = handlerOutcome({
        end: info.end === TLB_FLUSH_ALL ? WHOLE : BigInt(info.end),
        newTlbGen: info.gen,
        local: handling.at.cpu === info.initiator,
        loadedMm: view.loaded ? 'this' : 'other',
        lazy: view.lazy,
        localGen: gen,
        mmGen,
      })
      cases.push({ local: gen, mmGen, outcome })
    }
  }
  return cases
}

/** The pages of the event: those of the request for a ranged flush. */
function checkPages(handling: Handling, info: FlushInfo, outcome: HandlerOutcome, findings: Findings): void {
  if (handling.outcome !== 'flushed' || handling.pages === undefined) return
  const plan = planFlush(addressOf(info.start), addressOf(info.end), info.stride)
  const strides = plan.kind === 'ranged' ? plan.strides : -1n
  const predicted = outcome.kind === 'full' ? -1n : outcome.kind === 'partial' ? strides : 0n
  findings.expect('pages flushed', `${predicted}`, `${handling.pages}`, {
    lines: [handling.at.line],
    cpu: handling.at.cpu,
  })
}

function explain(
  handling: Handling,
  info: FlushInfo,
  start: ExecutionStart,
  replay: MachineReplay,
  nominal: Case | undefined,
  fitting: readonly Case[],
  recorded: Seen,
): Disagreement {
  const { at } = handling
  const predicted = nominal === undefined ? 'nothing' : describe(nominal)
  const common = { decision: 'outcome on a CPU', cpu: at.cpu, predicted, recorded } as const
  const [found] = fitting
  if (found === undefined || replay.spaces.isNamed(replay.cpu(at.cpu).view.space, info.mm) === false) {
    const view = replay.cpu(at.cpu).view
    const lazy = view.lazy === true ? 'lazy' : 'not lazy'
    return {
      ...common,
      standing: 'unexplained',
      lines: [at.line],
      why: `generation ${info.gen}, CPU ${lazy}`,
    }
  }
  if (start.lost !== undefined) {
    const why = `${start.lost.what} (line ${start.lost.line}): CPU ${at.cpu} may be at generation ${found.local}`
    return { ...common, standing: 'lost', lines: [at.line, start.lost.line], why }
  }
  const others = replay.generations.underWay(info.mm).map(({ line }) => line)
  const shown = replay.generations.shownAt(info.mm)
  const { genLine } = replay.cpu(at.cpu)
  const learnt = genLine === undefined || found.local === nominal?.local ? [] : [genLine]
  const later = shown !== undefined && shown.line > at.line ? [shown.line] : []
  const lines = [...new Set([at.line, ...learnt, ...others, ...later])].slice(0, 6)
  const why =
    nominal !== undefined && found.mmGen !== nominal.mmGen
      ? `another flush had already taken generation ${found.mmGen} when CPU ${at.cpu} read it`
      : `CPU ${at.cpu} had already caught up to generation ${found.local}, taken by another flush under way`
  return { ...common, standing: 'race', race: 'generations merge', lines, why }
}

function describe({ outcome, local, mmGen }: Case): string {
  return `${LOOKS[outcome.kind]} (${outcome.kind}; CPU at generation ${local}, mm at ${mmGen})`
}

/** What the outcome tells about the CPU from now on. */
function learn(
  handling: Handling,
  info: FlushInfo,
  replay: MachineReplay,
  fitting: readonly Case[],
  recorded: Seen,
  mm: Bounds,
): void {
  const { at } = handling
  const cpu = replay.cpu(at.cpu)
  if (recorded === 'left mm') {
    replay.leave(at.cpu, at.line)
    return
  }
  if (recorded === 'nothing') {
    const locals = fitting.map(({ local }) => local)
    if (cpu.gen !== undefined && locals.length > 0) cpu.gen = bounds(locals)
    return
  }
  replay.learnLoaded(at.cpu, info.mm)
  const gens = fitting.flatMap(({ outcome }) => ('mmGen' in outcome ? [outcome.mmGen] : []))
  cpu.gen = gens.length > 0 ? bounds(gens) : mm
  cpu.genLine = at.line
}

function bounds(values: readonly number[]): Bounds {
  return { low: Math.min(...values), high: Math.max(...values) }
}
