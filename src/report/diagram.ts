/**
 * From a trail to the rows of a diagram: which steps are shown, in which column, under which function, and what is to be
 * said beside them. Nothing here knows how wide anything is.
 */
import type { Trail, TrailStep } from '../explore/verdict.ts'
import { factsChanged } from './facts.ts'
import { kernelName } from './kernel-name.ts'

/** One line of a diagram, before it is laid out. */
export interface DiagramRow {
  readonly column: number
  readonly kind: 'function' | 'step'
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
}

/** A store of one process that has not drained yet. */
interface Pending {
  readonly index: number
  readonly label: string
}

/** Where a store's drain is shown: beside the store itself when nothing comes between, otherwise as a step of its own. */
interface Stores {
  /** Drains that are folded into their store, by step index. */
  readonly folded: ReadonlySet<number>
  /** Stores that stay in the buffer for a while. */
  readonly buffered: ReadonlySet<number>
}

/** Pairs every drain with the store that it completes: buffers are first in, first out. */
function pairStores(steps: readonly TrailStep[]): Stores {
  const queues = new Map<number, Pending[]>()
  const folded = new Set<number>()
  const buffered = new Set<number>()
  steps.forEach((step, index) => {
    const queue = queues.get(step.process) ?? []
    queues.set(step.process, queue)
    if (step.kind !== 'drain') {
      queue.push({ index, label: step.label })
      return
    }
    const at = queue.findIndex((pending) => pending.label === step.label)
    if (at < 0) return
    const [store] = queue.splice(0, at + 1).slice(-1)
    if (store === undefined) return
    if (store.index === index - 1) folded.add(index)
    else buffered.add(store.index)
  })
  for (const queue of queues.values()) {
    for (const { index } of queue) {
      const step = steps[index] as TrailStep
      const isStore = step.kind === 'store' || step.kind === 'unlock'
      if (isStore && step.changes.length === 0 && hasDrains(steps)) buffered.add(index)
    }
  }
  return { folded, buffered }
}

function hasDrains(steps: readonly TrailStep[]): boolean {
  return steps.some((step) => step.kind === 'drain')
}

function stepText(step: TrailStep, buffered: boolean): string {
  if (step.kind === 'drain') return `drain: ${step.label}`
  if (step.kind === 'choose' && step.observed !== undefined) return `(${step.observed})`
  const seen = step.observed === undefined || step.observed === '' ? '' : ` ${observedText(step.observed)}`
  return `${step.label}${seen}${buffered ? ' (buffered)' : ''}`
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
    if (step.host) return
    if (step.kind === 'cli') this.masked[column] = true
    else if (step.kind === 'sti') this.masked[column] = false
    else if (step.kind === 'deliver') {
      this.saved[column]?.push(this.masked[column] ?? false)
      this.masked[column] = true
    } else if (step.kind === 'iret') this.masked[column] = this.saved[column]?.pop() ?? false
  }
}

/** Columns: the CPUs that do something, in order, then the hypervisor if it does. */
function columnsOf(steps: readonly TrailStep[]): {
  names: readonly string[]
  of: (step: TrailStep) => number
  hosts: number
} {
  const guests = [...new Set(steps.filter((step) => !step.host).map((step) => step.process))].sort(
    (a, b) => a - b,
  )
  const nameOf = new Map(steps.map((step) => [step.process, step.processName]))
  const names = guests.map((process) => nameOf.get(process) ?? `process ${process}`)
  const hosts = new Set(steps.filter((step) => step.host).map((step) => step.process)).size
  return {
    names: hosts > 0 ? [...names, 'hypervisor'] : names,
    of: (step) => (step.host ? names.length : guests.indexOf(step.process)),
    hosts,
  }
}

/** A step that nobody needs to see: it neither touches what others see nor changes a fact. */
function isIdle(step: TrailStep, facts: readonly string[]): boolean {
  return step.kind === 'local' && facts.length === 0 && step.changes.length === 0
}

function shownSteps(trail: Trail, initialFacts: readonly string[] | undefined) {
  const { steps } = trail
  const stores = pairStores(steps)
  const columns = columnsOf(steps)
  const flags = new InterruptFlags(columns.names.length)
  const shown: Shown[] = []
  let facts = initialFacts ?? steps[0]?.facts ?? []
  steps.forEach((step, index) => {
    const column = columns.of(step)
    flags.follow(step, column)
    const changed = factsChanged(facts, step.facts)
    facts = step.facts
    const violates = index === steps.length - 1
    const folded = stores.folded.has(index) ? shown.at(-1) : undefined
    if (folded !== undefined) {
      shown[shown.length - 1] = { ...folded, facts: [...folded.facts, ...changed], violates }
      return
    }
    if (isIdle(step, changed) && !violates) return
    const who = step.host && columns.hosts > 1 ? `${step.processName}: ` : ''
    const text = who + stepText(step, stores.buffered.has(index))
    shown.push({ step, column, text, facts: changed, masked: [...flags.masked], violates })
  })
  return { shown, columns: columns.names, buffered: stores.buffered.size > 0 }
}

/** A load that changes nothing and after which nothing is said. */
function isPlainLoad(entry: Shown | undefined): boolean {
  return entry?.step.kind === 'load' && entry.facts.length === 0 && !entry.violates
}

/** Four and more loads of one function in a row: the first and the last tell enough. */
function foldLoads(shown: readonly Shown[]): readonly Shown[] {
  const result: Shown[] = []
  for (let at = 0; at < shown.length; ) {
    let end = at
    const first = shown[at] as Shown
    while (isPlainLoad(shown[end]) && sameFunction(shown[end] as Shown, first)) end += 1
    if (end - at < 4) {
      end = Math.max(end, at + 1)
      result.push(...shown.slice(at, end))
    } else {
      result.push(first, { ...first, text: `... (${end - at - 2} loads)` }, shown[end - 1] as Shown)
    }
    at = end
  }
  return result
}

function sameFunction(a: Shown, b: Shown): boolean {
  return (
    a.column === b.column && a.step.process === b.step.process && a.step.stack.at(-1) === b.step.stack.at(-1)
  )
}

/** Steps that happen in no function that a reader would look for. */
const NAMELESS: ReadonlySet<TrailStep['kind']> = new Set(['drain', 'deliver', 'iret'])

/**
 * The rows of a diagram.
 *
 * @param initialFacts - what the program says of its initial state; without it, the facts after the first step count as known
 */
export function makeDiagram(trail: Trail, initialFacts?: readonly string[]): Diagram {
  const { shown, columns, buffered } = shownSteps(trail, initialFacts)
  const rows: DiagramRow[] = []
  const current = new Map<number, string>()
  let masked: readonly boolean[] = columns.map(() => false)
  for (const entry of foldLoads(shown)) {
    const { step, column } = entry
    const fn = NAMELESS.has(step.kind) ? undefined : step.stack.at(-1)
    if (fn !== undefined && current.get(column) !== fn) {
      current.set(column, fn)
      const text = `${kernelName(fn)}()`
      rows.push({ column, kind: 'function', text, facts: [], violates: false, masked })
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
  return { columns, rows, uses: { masked: rows.some((row) => row.masked.includes(true)), buffered } }
}
