/**
 * Operations: what guest and hypervisor code yields at each point where another CPU could tell the difference. An
 * operation is data and two small functions over cells; whoever runs it (explorer, replayer, simulator) brings the memory.
 */
import type { Cell } from './cells.ts'
import type { Violation } from './violation.ts'

/** The state as one operation sees it. */
export interface Memory {
  /** The value of a cell in memory. */
  get(cell: Cell): number
  /**
   * As {@link get}, but creates no dependence and is not held against the footprint. Only for a function of cells that none of
   * their writers changes unless the writer is in conflict through another cell: `src/machine/checks.ts` states the lemma.
   */
  peek(cell: Cell): number
  /** The value of a cell as the acting CPU loads it: its own newest buffered store wins (store-to-load forwarding). */
  load(cell: Cell): number
  set(cell: Cell, value: number): void
  /** Reports that this operation violates a property. */
  violate(violation: Violation): void
}

/**
 * The cells that an operation may touch. `loads` go through the store buffer of the acting CPU, `reads` do not.
 * It is fixed when the operation is yielded, covers the guard, and may be too large but never too small.
 */
export interface Footprint {
  readonly loads?: readonly Cell[]
  readonly reads?: readonly Cell[]
  readonly writes?: readonly Cell[]
}

/**
 * What kind of thing an operation is: diagrams, cost models and `needs` go by it.
 * `local` touches nothing that another CPU sees.
 */
export const OPERATION_KINDS = [
  'local',
  'load',
  'store',
  'rmw',
  'fence',
  'wait',
  'lock',
  'unlock',
  'cli',
  'sti',
  'iret',
  'ipi',
  'invlpg',
  'invpcid',
  'invlpgb',
  'tlbsync',
  'cr3',
  'cr4',
  'mode',
  'vmexit',
  'vmentry',
  'hypercall',
  'vcpu-state',
  'rcu',
  'alloc',
  'free',
  'page',
  'promise',
  'choose',
  'assert',
] as const
export type OperationKind = (typeof OPERATION_KINDS)[number]

/** Numbers of kinds: tables by kind are faster to look up by them. */
const KIND_NUMBERS = new Map<OperationKind, number>(OPERATION_KINDS.map((kind, number) => [kind, number]))

/** What a mutant may leave out. `pair` names the partner that has to go with it. */
export interface Removable {
  readonly what: 'barrier' | 'flush' | 'wait' | 'ipi' | 'irq-off' | 'lock' | 'grace-period'
  /** Where it stands in the protocol, in the kernel's words: `flush_tlb_mm_range: smp_mb`. */
  readonly site: string
}

/** A store on its way to memory: what the drain of a store buffer does with it. */
export interface Commit {
  /** Equal for equal commits: buffers are compared by it. */
  readonly key: string
  /** The cell that later loads of the same CPU forward from; none for pseudo-stores. */
  readonly cell: Cell | undefined
  readonly value: number
  readonly label: string
  footprint(): Footprint
  apply(memory: Memory): void
}

export interface OperationParts<T> {
  readonly kind: OperationKind
  /** As a diagram prints it: `p = PMD[v]`, `flush TLB`; a function where it is not often asked for. */
  readonly label: string | (() => string)
  readonly footprint?: (() => Footprint) | undefined
  /** Waits until its CPU's store buffer is empty (locked and serialising instructions). */
  readonly drains?: boolean
  /** Blocks until true. */
  readonly guard?: ((memory: Memory) => boolean) | undefined
  /**
   * A guard in parts that all have to hold. While one does not, nothing but a write to its cells can help, so that a search
   * need not look at who could make the others true.
   */
  readonly conjuncts?: readonly ((memory: Memory) => boolean)[] | undefined
  /** Number of outcomes of an environment choice. */
  readonly choices?: number
  /** Takes effect; gives the raw value that the code observes (0 when it observes nothing). */
  readonly apply?: (memory: Memory, choice: number) => number
  /** The typed value of a raw one, for the code. */
  readonly decode?: (raw: number) => T
  /** A store: goes to the store buffer instead of to memory. */
  readonly commit?: Commit | undefined
  readonly removable?: Removable | undefined
  /** Details for diagrams: given the raw value, what was seen (`-> T`). */
  readonly explain?: ((raw: number) => string) | undefined
  /** Code of the hypervisor, shown in its column. */
  readonly host?: boolean | undefined
  /** What an engine with a clock does with it beside; nobody else looks at it. */
  readonly timing?: object | undefined
}

const NO_CELLS: Footprint = {}
const noFootprint = (): Footprint => NO_CELLS
const noEffect = (): number => 0
const noValue = (): unknown => undefined

/**
 * Set by whoever wants to look at the call stack whenever a step is yielded: the replayer for names of functions, `needs` for
 * lines of operations. A call is yielded without an operation.
 */
export const yielding: { observe: ((operation?: Operation<unknown>) => void) | undefined } = {
  observe: undefined,
}

/** Hands one step to whoever runs the thread, and gives back what comes of it. */
export class OneStep<T> implements Iterator<Step, T, unknown> {
  private readonly step: Step
  private taken = false

  constructor(step: Step) {
    this.step = step
  }

  next(value?: unknown): IteratorResult<Step, T> {
    if (this.taken) return { done: true, value: value as T }
    this.taken = true
    if (yielding.observe !== undefined)
      yielding.observe(this.step instanceof Operation ? this.step : undefined)
    return { done: false, value: this.step }
  }
}

/** A task without a step. */
export const NOTHING: Iterable<Step, undefined, unknown> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: true, value: undefined }) }),
}

/**
 * One step of a thread. `yield* operation` gives its typed result. Operations have no state: one may be yielded any number
 * of times, by anybody. There are no classes below this one, since whoever runs millions of them wants one hidden class.
 */
export class Operation<T> implements OperationParts<T>, Iterable<Step, T, unknown> {
  readonly kind: OperationKind
  /** Number of the kind in {@link OPERATION_KINDS}. */
  readonly kindNumber: number
  private readonly text: string | (() => string)
  readonly footprint: () => Footprint
  readonly drains: boolean
  readonly guard: ((memory: Memory) => boolean) | undefined
  readonly conjuncts: readonly ((memory: Memory) => boolean)[] | undefined
  readonly choices: number
  readonly apply: (memory: Memory, choice: number) => number
  readonly decode: (raw: number) => T
  readonly commit: Commit | undefined
  readonly removable: Removable | undefined
  readonly explain: ((raw: number) => string) | undefined
  readonly host: boolean | undefined
  readonly timing: object | undefined

  constructor(parts: OperationParts<T>) {
    const { conjuncts } = parts
    this.kind = parts.kind
    this.kindNumber = KIND_NUMBERS.get(parts.kind)!
    this.text = parts.label
    this.footprint = parts.footprint ?? noFootprint
    this.drains = parts.drains ?? false
    this.guard = conjuncts === undefined ? parts.guard : (memory) => conjuncts.every((holds) => holds(memory))
    this.conjuncts = conjuncts
    this.choices = parts.choices ?? 1
    this.apply = parts.apply ?? noEffect
    this.decode = parts.decode ?? (noValue as () => T)
    this.commit = parts.commit
    this.removable = parts.removable
    this.explain = parts.explain
    this.host = parts.host
    this.timing = parts.timing
  }

  get label(): string {
    return typeof this.text === 'string' ? this.text : this.text()
  }

  /** Lets `yield* operation` hand the operation to whoever runs the thread and give back its decoded value. */
  [Symbol.iterator](): Iterator<Step, T, unknown> {
    return new OneStep<T>(this as Operation<unknown>)
  }
}

/** Guest or host code whose types have been checked where it was called. */
export type TaskFunction = (...args: readonly unknown[]) => Task<unknown>

/** A call of a kernel helper on a frame of its own: histories of the callee are forgotten when it returns. */
export interface Call {
  readonly kind: 'call'
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
  /** Called again whenever it gives back nothing: rounds without a result leave no trace in the caller's history. */
  readonly repeats?: true | undefined
}

/** What a thread yields. */
export type Step = Operation<unknown> | Call

/** Guest or hypervisor code: a generator that yields operations. */
export type Task<T> = Generator<Step, T, unknown>
