/**
 * Variables in memory and what a CPU does to them: loads, stores through the store buffer, locked instructions, fences,
 * waits and locks (MACHINE 3).
 */
import type { Cell } from '../core/cells.ts'
import {
  type Commit,
  type Footprint,
  type Memory,
  Operation,
  type Removable,
  type Step,
  type Task,
} from '../core/operation.ts'
import type { Handle } from '../core/plain.ts'
import { Made, type MadeOperations } from './made.ts'

/** A typed view of one cell of memory. */
export interface Variable<T> extends Handle {
  readonly cell: Cell
  readonly name: string
  /** Stores go through the store buffer (TSO) or straight to memory (SC). */
  readonly buffered: boolean
  /** Of a machine under a clock: what is loaded is looked at once, at once. */
  readonly timed?: boolean
  /** Operations on it that are made once. */
  readonly made: MadeOperations
  encode(value: T): number
  decode(raw: number): T
  show(value: T): string
}

/** A plain load. */
export function load<T>(variable: Variable<T>): Operation<T> {
  const { made } = variable
  if (made.load === undefined) made.load = loadOperation(variable)
  return made.load as Operation<T>
}

function loadOperation<T>(variable: Variable<T>): Operation<T> {
  const { cell } = variable
  return new Operation<T>({
    kind: 'load',
    label: `read ${variable.name}`,
    footprint: () => ({ loads: [cell] }),
    apply: (memory) => memory.load(cell),
    decode: variable.decode,
    explain: (raw) => variable.show(variable.decode(raw)),
  })
}

/** As {@link load}, by a host that looks at the state of another vCPU: a kind of its own, because it has a cost of its own. */
export function loadVcpuState<T>(variable: Variable<T>): Operation<T> {
  const { made } = variable
  if (made.vcpuState === undefined) {
    const { label, footprint, apply, decode, explain } = load(variable)
    made.vcpuState = new Operation<unknown>({ kind: 'vcpu-state', label, footprint, apply, decode, explain })
  }
  return made.vcpuState as Operation<T>
}

/** A plain store. Under TSO it becomes visible to others when it drains. */
export function store<T>(variable: Variable<T>, value: T): Operation<void> {
  const raw = variable.encode(value)
  const { made } = variable
  if (raw === 0) {
    if (made.clear === undefined) made.clear = storeOf(variable, value, raw)
    return made.clear
  }
  if (made.store === undefined || made.stored !== raw) {
    made.store = storeOf(variable, value, raw)
    made.stored = raw
  }
  return made.store
}

function storeOf<T>(variable: Variable<T>, value: T, raw: number): Operation<void> {
  return storeOperation(variable.buffered, new VariableStore(variable, value, raw))
}

/** A store of a value to a variable. */
class VariableStore<T> implements Commit {
  readonly cell: Cell
  readonly value: number
  private readonly variable: Variable<T>
  private readonly stored: T

  constructor(variable: Variable<T>, stored: T, raw: number) {
    this.cell = variable.cell
    this.value = raw
    this.variable = variable
    this.stored = stored
  }

  get key(): string {
    return `${this.cell}=${this.value}`
  }

  get label(): string {
    return `${this.variable.name} = ${this.variable.show(this.stored)}`
  }

  footprint(): Footprint {
    return { writes: [this.cell] }
  }

  apply(memory: Memory): void {
    memory.set(this.cell, this.value)
  }
}

/** The operation of a store: into the buffer, or straight to memory under SC. */
export function storeOperation(buffered: boolean, commit: Commit, removable?: Removable): Operation<void> {
  const label = () => commit.label
  if (buffered) return new Operation<void>({ kind: 'store', label, commit, removable })
  return new Operation<void>({
    kind: 'store',
    label,
    removable,
    footprint: () => commit.footprint(),
    apply: (memory) => {
      commit.apply(memory)
      return 0
    },
  })
}

/**
 * A locked read-modify-write; gives the old value.
 *
 * @param label - with `%` for the variable's name: `xchg(%, 0)`
 */
export function rmw<T>(variable: Variable<T>, label: string, update: (old: T) => T): Operation<T> {
  const { made } = variable
  if (made.rmw === undefined || made.update !== update || made.updateLabel !== label) {
    made.rmw = rmwOperation(variable, label, update)
    made.update = update
    made.updateLabel = label
  }
  return made.rmw as Operation<T>
}

function rmwOperation<T>(variable: Variable<T>, label: string, update: (old: T) => T): Operation<T> {
  return new Operation<T>({
    kind: 'rmw',
    label: () => label.replace('%', variable.name),
    drains: true,
    footprint: () => ({ reads: [variable.cell], writes: [variable.cell] }),
    apply: (memory) => {
      const raw = memory.get(variable.cell)
      memory.set(variable.cell, variable.encode(update(variable.decode(raw))))
      return raw
    },
    decode: (raw) => variable.decode(raw),
    explain: (raw) => variable.show(variable.decode(raw)),
  })
}

/** Stands for something that a mutant may leave out without leaving out what it is made of: false in that mutant. */
export function present(removable: Removable): Operation<boolean> {
  return new Operation<boolean>({
    kind: 'local',
    label: removable.site,
    apply: () => 1,
    decode: (raw) => raw === 1,
    removable,
  })
}

/** A locked read-modify-write that is there for its barrier too: the mutant without the barrier is a plain load and store. */
export function rmwAsBarrier<T>(
  variable: Variable<T>,
  label: string,
  update: (old: T) => T,
  site: string,
): Iterable<Step, T, unknown> {
  // Mutants are not run under a clock.
  return variable.timed === true
    ? rmw(variable, label, update)
    : barrierThatMayGo(variable, label, update, site)
}

function* barrierThatMayGo<T>(
  variable: Variable<T>,
  label: string,
  update: (old: T) => T,
  site: string,
): Task<T> {
  if (yield* present({ what: 'barrier', site })) return yield* rmw(variable, label, update)
  const old = yield* load(variable)
  yield* store(variable, update(old))
  return old
}

/** `xchg`: locked; gives the old value. */
export function xchg<T>(variable: Variable<T>, value: T): Operation<T> {
  const { made } = variable
  if (made.xchg === undefined || made.exchanged !== value) {
    made.xchg = rmwOperation(variable, `xchg(%, ${variable.show(value)})`, () => value)
    made.exchanged = value
  }
  return made.xchg as Operation<T>
}

/**
 * `lock cmpxchg`: stores `value` if the variable holds `expected`; gives the old value. One that fails is a read: that the hardware
 * writes the old value back then, nobody can tell.
 */
export function cmpxchg<T>(variable: Variable<T>, expected: T, value: T): Operation<T> {
  const wanted = variable.encode(expected)
  const replacement = variable.encode(value)
  const { made } = variable
  if (made.cmpxchg === undefined || made.wanted !== wanted || made.replacement !== replacement) {
    made.cmpxchg = compareAndExchange(variable, wanted, replacement)
    made.wanted = wanted
    made.replacement = replacement
  }
  return made.cmpxchg as Operation<T>
}

function compareAndExchange<T>(variable: Variable<T>, wanted: number, replacement: number): Operation<T> {
  const show = (raw: number) => variable.show(variable.decode(raw))
  return new Operation<T>({
    kind: 'rmw',
    label: () => `cmpxchg(${variable.name}, ${show(wanted)}, ${show(replacement)})`,
    drains: true,
    footprint: () => ({ reads: [variable.cell], writes: [variable.cell] }),
    apply: (memory) => {
      const raw = memory.get(variable.cell)
      if (raw === wanted) memory.set(variable.cell, replacement)
      return raw
    },
    decode: (raw) => variable.decode(raw),
    explain: (raw) => variable.show(variable.decode(raw)),
  })
}

/** An atomic read-modify-write whose result nobody looks at (`lock or`, `lock inc`): observed values do not branch. */
export function atomic<T>(variable: Variable<T>, label: string, update: (old: T) => T): Operation<void> {
  return new Operation<void>({
    kind: 'rmw',
    label: () => label.replace('%', variable.name),
    drains: true,
    footprint: () => ({ reads: [variable.cell], writes: [variable.cell] }),
    apply: (memory) => {
      memory.set(variable.cell, variable.encode(update(variable.decode(memory.get(variable.cell)))))
      return 0
    },
  })
}

/** MFENCE: waits until the store buffer is empty. */
export function smpMb(site: string): Operation<void> {
  return new Operation<void>({
    kind: 'fence',
    label: 'smp_mb()',
    drains: true,
    removable: { what: 'barrier', site: `${site}: smp_mb` },
  })
}

/** A wait loop as one blocking operation: goes on when the condition holds of what this CPU loads. */
export function waitUntil<T>(
  variables: readonly Variable<T>[],
  label: string,
  condition: (values: readonly T[]) => boolean,
  removable?: Removable,
): Operation<void> {
  const cells = variables.map((variable) => variable.cell)
  return new Operation<void>({
    kind: 'wait',
    label,
    footprint: () => ({ loads: cells }),
    guard: (memory) => condition(variables.map((variable) => variable.decode(memory.load(variable.cell)))),
    ...(removable && { removable }),
  })
}

/** As {@link waitUntil}, for several conditions that all have to hold: each looks at its own variables only. */
export function waitUntilAll(
  conditions: readonly {
    readonly variables: readonly Variable<unknown>[]
    readonly holds: (values: readonly unknown[]) => boolean
  }[],
  label: string,
  removable?: Removable,
): Operation<void> {
  const cells = conditions.flatMap(({ variables }) => variables.map((variable) => variable.cell))
  return new Operation<void>({
    kind: 'wait',
    label,
    footprint: () => ({ loads: cells }),
    conjuncts: conditions.map(
      ({ variables, holds }) =>
        (memory) =>
          holds(variables.map((variable) => variable.decode(memory.load(variable.cell)))),
    ),
    ...(removable && { removable }),
  })
}

/** Takes a spinlock: a locked read-modify-write that blocks while the lock is held. */
export function spinLock(lock: Variable<number>, site: string): Operation<void> {
  const { made } = lock
  if (made.locks === undefined) made.locks = new Made()
  return made.locks.of(site, () => lockOperation(lock, site))
}

function lockOperation(lock: Variable<number>, site: string): Operation<void> {
  return new Operation<void>({
    kind: 'lock',
    label: `spin_lock(${lock.name})`,
    drains: true,
    footprint: () => ({ reads: [lock.cell], writes: [lock.cell] }),
    guard: (memory) => memory.get(lock.cell) === 0,
    apply: (memory) => {
      memory.set(lock.cell, 1)
      return 0
    },
    removable: lockAt(lock, site),
  })
}

/**
 * Releases a spinlock by a plain store.
 *
 * @param site - that of the {@link spinLock} that it belongs to: a mutant leaves out both, so that it never releases what
 *   somebody else holds
 */
export function spinUnlock(lock: Variable<number>, site?: string): Operation<void> {
  const { made } = lock
  if (made.unlocks === undefined) made.unlocks = new Made()
  return made.unlocks.of(site, () => unlockOperation(lock, site))
}

function unlockOperation(lock: Variable<number>, site: string | undefined): Operation<void> {
  const commit: Commit = {
    key: `${lock.cell}=0`,
    cell: lock.cell,
    value: 0,
    label: `spin_unlock(${lock.name})`,
    footprint: () => ({ writes: [lock.cell] }),
    apply: (memory) => memory.set(lock.cell, 0),
  }
  return storeOperation(lock.buffered, commit, site === undefined ? undefined : lockAt(lock, site))
}

/** A lock and its unlock, as one thing that can be left out. */
function lockAt(lock: Variable<number>, site: string): Removable {
  return { what: 'lock', site: `${site}: spin_lock(${lock.name})` }
}

/** A false condition is a violation of the property `assertion`. */
export function assert(condition: boolean, message: string): Operation<void> {
  return new Operation<void>({
    kind: 'assert',
    label: `assert: ${message}`,
    apply: (memory) => {
      if (!condition) memory.violate({ property: 'assertion', message, cells: [] })
      return 0
    },
  })
}
