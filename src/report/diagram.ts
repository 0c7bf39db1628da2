/**
 * From a trail to the rows of a diagram: which steps are shown, in which column, under which function, and what is to be
 * said beside them. Nothing here knows how wide anything is.
 */
import type { Starving, Trail, TrailStep } from '../explore/verdict.ts'
import { factsChanged } from './facts.ts'
import { hostSteps } from './host-mode.ts'
import { kernelName } from './kernel-name.ts'
import { relevantSteps } from './relevant.ts'
import { pairStores } from './stores.ts'

/** One line of a diagram, before it is laid out. */
export interface DiagramRow {
  readonly column: number
  /** `note`: a line across all columns. */
  readonly kind: 'function' | 'step' | 'note'
  readonly text: string
  /** What this step changed in the state. */
  readonly facts: readonly string[]
  /** This step violates the property. */
  readonly violates: boolean
  /** Per column: that CPU's interrupts are off once this row has happened. */
  readonly masked: readonly boolean[]
}

export interface Diagram {
  readonly columns: readonly string[]
  readonly rows: readonly DiagramRow[]
  /** Steps that are not shown. */
  readonly hidden: number
  /** Signs that occur and need a word of explanation. */
  readonly uses: { readonly masked: boolean; readonly buffered: boolean }
}

/** A step that is to be shown, with what is known about it from its neighbours. */
interface Shown {
  readonly step: TrailStep
  readonly column: number
  readonly text: string
  readonly facts: readonly string[]
  readonly masked: readonly boolean[]
  readonly violates: boolean
  /** It is repeated for ever. */
  readonly repeats: boolean
}

function stepText(step: TrailStep, drains: 'later' | 'now' | 'no'): string {
  if (drains === 'now') return `drain: ${step.label}`
  if (step.kind === 'choose' && step.observed !== undefined) return `(${step.observed})`
  const seen = step.observed === undefined || step.observed === '' ? '' : ` ${observedText(step.observed)}`
  return `${step.label}${seen}${drains === 'later' ? ' (buffered)' : ''}`
}

function observedText(observed: string): string {
  return /^(->|=|\(|<-)/.test(observed) ? observed : `-> ${observed}`
}

/** Whether each CPU has its interrupts off, from the steps alone: cli, sti, and what delivery and IRET do to IF. */
class InterruptFlags {
  readonly masked: boolean[]
  private readonly saved: boolean[][]

  constructor(columns: number) {
    this.masked = new Array<boolean>(columns).fill(false)
    this.saved = Array.from({ length: columns }, () => [])
  }

  follow(step: TrailStep, column: number): void {
    if (step.kind === 'cli') this.masked[column] = true
    else if (step.kind === 'sti') this.masked[column] = false
    else if (step.kind === 'deliver') {
      this.saved[column]?.push(this.masked[column] ?? false)
      this.masked[column] = true
    } else if (step.kind === 'iret') this.masked[column] = this.saved[column]?.pop() ?? false
  }
}

interface Columns {
  readonly names: readonly string[]
  readonly of: (index: number) => number
  readonly ofProcess: (process: number) => number
  /** Processes whose hypervisor does something: with several, its steps say whose they are. */
  readonly hosts: number
}

/** Columns: the CPUs that do something, in order, then the hypervisor if it does. */
function columnsOf(
  steps: readonly TrailStep[],
  host: readonly boolean[],
  shown: ReadonlySet<number>,
  starving: readonly Starving[],
): Columns {
  const indices = [...shown]
  const processes = (wanted: boolean) => [
    ...new Set(indices.filter((i) => host[i] === wanted).map((i) => (steps[i] as TrailStep).process)),
  ]
  // Who waits for ever may not have taken a step.
  const all = new Set([...processes(false), ...starving.map(({ index }) => index)])
  const guests = [...all].sort((a, b) => a - b)
  const hosts = processes(true).length
  const nameOf = new Map(steps.map((step) => [step.process, step.processName]))
  for (const { index, process } of starving) nameOf.set(index, process)
  const names = guests.map((process) => nameOf.get(process) ?? `process ${process}`)
  return {
    names: hosts > 0 ? [...names, 'hypervisor'] : names,
    of: (index) =>
      host[index] === true ? names.length : guests.indexOf((steps[index] as TrailStep).process),
    ofProcess: (process) => guests.indexOf(process),
    hosts,
  }
}

/** The facts that each step changed. Those of a drain that is not shown belong to its store. */
function factsOf(
  steps: readonly TrailStep[],
  initial: readonly string[] | undefined,
): readonly (readonly string[])[] {
  return steps.map((step, i) => factsChanged(steps[i - 1]?.facts ?? initial ?? step.facts, step.facts))
}

/** The function that does not end, if that is what is lost: its own steps are the point then. */
function endlessFunction({ steps, violation }: Trail): string | undefined {
  const last = steps.at(-1)
  return violation.property === 'progress' && last?.kind === 'assert' ? last.stack.at(-1) : undefined
}

function shownSteps(trail: Trail, initialFacts: readonly string[] | undefined) {
  const { steps } = trail
  const last = steps.length - 1
  const relevant = relevantSteps(trail)
  const changed = factsOf(steps, initialFacts)
  const host = hostSteps(steps)
  const { drainOf, storeOf, delayed } = pairStores(steps)
  const cycleAt = trail.lasso?.stem ?? steps.length
  const endless = endlessFunction(trail)
  const matters = (index: number) =>
    relevant[index] === true ||
    changed[index]?.length !== 0 ||
    index === last ||
    index >= cycleAt ||
    (endless !== undefined && steps[index]?.stack.at(-1) === endless)
  /** A store and its drain are one thing: both are shown, or the store alone, or neither. */
  const isShown = (index: number) => {
    const store = storeOf.get(index)
    if (store !== undefined && !delayed.has(store)) return false
    const partner = store ?? drainOf.get(index)
    return matters(index) || (partner !== undefined && matters(partner))
  }
  const wanted = new Set([...steps.keys()].filter(isShown))
  const columns = columnsOf(steps, host, wanted, trail.lasso?.starving ?? [])
  const flags = new InterruptFlags(columns.names.length)
  const shown: Shown[] = []
  for (const [index, step] of steps.entries()) {
    const column = columns.of(index)
    if (host[index] !== true) flags.follow(step, column)
    if (!wanted.has(index)) continue
    const drain = drainOf.get(index)
    const folded = drain !== undefined && !delayed.has(index)
    const who = host[index] === true && columns.hosts > 1 ? `${step.processName}: ` : ''
    const drains = delayed.has(index) ? 'later' : step.kind === 'drain' ? 'now' : 'no'
    shown.push({
      step,
      column,
      text: who + stepText(step, drains),
      facts: [...(changed[index] ?? []), ...(folded ? (changed[drain] ?? []) : [])],
      masked: [...flags.masked],
      violates: trail.lasso === undefined && (index === last || (folded && drain === last)),
      repeats: index >= cycleAt,
    })
  }
  return {
    shown,
    columns,
    hidden: steps.length - wanted.size,
    buffered: [...delayed].some((index) => wanted.has(index)),
  }
}

/** Steps that come in long runs: loads of a walk, and the body of a loop. */
const FOLDABLE: ReadonlySet<TrailStep['kind']> = new Set(['load', 'local', 'store', 'drain'])

/** How many steps of a run are shown at its start and at its end; one more than both is not worth folding. */
const RUN_ENDS = 2

/** A step in a run: it changes no fact, and the steps beside it are of the same function. */
function inRun(entry: Shown | undefined, first: Shown): entry is Shown {
  if (entry === undefined || entry.violates || entry.facts.length > 0) return false
  return FOLDABLE.has(entry.step.kind) && sameFunction(entry, first)
}

/** Long runs of boring steps of one function: their first and last ones tell enough. */
function foldRuns(shown: readonly Shown[]): readonly Shown[] {
  const result: Shown[] = []
  for (let at = 0; at < shown.length; ) {
    const first = shown[at] as Shown
    let end = at
    while (inRun(shown[end], first)) end += 1
    const left = end - at - 2 * RUN_ENDS
    if (left <= 1) {
      end = Math.max(end, at + 1)
      result.push(...shown.slice(at, end))
    } else {
      const gap = { ...first, text: `... (${left} steps)` }
      result.push(...shown.slice(at, at + RUN_ENDS), gap, ...shown.slice(end - RUN_ENDS, end))
    }
    at = end
  }
  return result
}

function sameFunction(a: Shown, b: Shown): boolean {
  return (
    a.column === b.column &&
    a.repeats === b.repeats &&
    a.step.process === b.step.process &&
    a.step.stack.at(-1) === b.step.stack.at(-1)
  )
}

/** Steps that happen in no function that a reader would look for. */
const NAMELESS: ReadonlySet<TrailStep['kind']> = new Set(['drain', 'deliver', 'iret', 'vmentry'])

/**
 * The rows of a diagram.
 *
 * @param initialFacts - what the program says of its initial state; without it, the facts after the first step count as known
 */
export function makeDiagram(trail: Trail, initialFacts?: readonly string[]): Diagram {
  const { shown, columns, hidden, buffered } = shownSteps(trail, initialFacts)
  const rows: DiagramRow[] = []
  const current = new Map<number, string>()
  let masked: readonly boolean[] = columns.names.map(() => false)
  let repeats = false
  const plain = { facts: [], violates: false } as const
  for (const entry of foldRuns(shown)) {
    const { step, column } = entry
    if (entry.repeats && !repeats) {
      repeats = true
      current.clear()
      for (const { index, fn, at, how } of trail.lasso?.starving ?? []) {
        if (how === 'goes-round') continue
        const waits = columns.ofProcess(index)
        rows.push({ ...plain, column: waits, kind: 'function', text: `${kernelName(fn)}()`, masked })
        rows.push({ ...plain, column: waits, kind: 'step', text: `${at}, for ever`, masked })
      }
      rows.push({ ...plain, column: 0, kind: 'note', text: 'repeats for ever:', masked })
    }
    const fn = NAMELESS.has(step.kind) ? undefined : step.stack.at(-1)
    const place = `${step.process} ${fn}`
    if (fn !== undefined && current.get(column) !== place) {
      current.set(column, place)
      const text = `${kernelName(fn)}()`
      rows.push({ ...plain, column, kind: 'function', text, masked })
    }
    if (step.kind === 'deliver' || step.kind === 'iret') current.delete(column)
    masked = entry.masked
    rows.push({
      column,
      kind: 'step',
      text: entry.text,
      facts: entry.facts,
      violates: entry.violates,
      masked,
    })
  }
  return {
    columns: columns.names,
    rows,
    hidden,
    uses: { masked: rows.some((row) => row.masked.includes(true)), buffered },
  }
}
