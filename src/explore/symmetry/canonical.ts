/**
 * Representatives: of all states that permutations of interchangeable CPUs make of each other, one. The CPUs of a class are sorted by
 * what each has of its own: local states, buffers, cells. Where that leaves several in one place, and something else in the state
 * tells them apart (a cell that belongs to two CPUs, a mask), the orders within that place are tried, and the smallest state
 * taken; past {@link MOST_ORDERS} the first is, and a class of states may keep more than one representative. That costs states, no
 * more.
 */
import type { Permutation } from '../../core/cells.ts'
import { type BitRows, LATER_WRITES, WRITES } from '../bit-rows.ts'
import type { Engine } from '../engine.ts'
import type { Layout } from '../layout.ts'
import type { Images } from './mirror.ts'

const MOST_ORDERS = 120

interface Rest {
  readonly cell: number
  readonly initial: number
  /** Of a cell that belongs to no interchangeable CPU: whether permutations change a value. */
  readonly isInvariant: Map<number, boolean> | undefined
}

interface Columns {
  readonly cpus: readonly number[]
  /** By place: fields of the cells that belong to this CPU alone, in the same order for each. */
  readonly cells: readonly Int32Array[]
  /** By place: its processes. */
  readonly processes: readonly (readonly number[])[]
}

export class Canonical {
  private readonly images: Images
  private readonly layout: Layout
  private readonly buffered: Uint8Array
  private readonly allColumns: readonly Columns[]
  /** Cells that permutations do more to than move them with their CPU: of several CPUs, or with values that name CPUs. */
  private readonly allRest: readonly Rest[]
  /** The same with those cells only that something recorded may write; the others are as they were at the start. */
  private columns: readonly Columns[] = []
  private rest: readonly Rest[] = []
  private recorded = -1
  private readonly automata: Engine['automata']
  private readonly cells: Engine['program']['cells']['cells']
  private readonly localField: number
  private readonly bufferField: number
  private readonly cpuOf: readonly number[]
  private readonly identity: Permutation
  /** Some CPUs of a class have the same of their own, in the state that was sorted last. */
  private ties = false
  private readonly scratch: Uint32Array
  private readonly best: Uint32Array

  constructor(images: Images, engine: Engine) {
    const { group } = images
    const { program } = engine
    this.images = images
    this.automata = engine.automata
    this.layout = engine.layout
    this.buffered = engine.buffered
    this.cells = program.cells.cells
    this.localField = program.cells.size
    this.bufferField = program.cells.size + engine.processes
    this.cpuOf = program.processes.map(({ cpu }) => cpu ?? -1)
    this.identity = group.classOf.map((_, cpu) => cpu)
    this.scratch = new Uint32Array(engine.layout.words)
    this.best = new Uint32Array(engine.layout.words)
    const own = (cell: number) => {
      const { of, renamed } = this.cells[cell]!
      const moved = [...new Set(of?.cpus.filter((cpu) => group.classOf[cpu]! >= 0))]
      return moved.length === 1 && renamed === undefined ? moved[0] : undefined
    }
    const numbers = this.cells.map((_, cell) => cell)
    this.allColumns = group.classes.map((cpus): Columns => {
      const first = cpus[0]!
      const ofFirst = numbers.filter((cell) => own(cell) === first)
      const processesOf = (cpu: number) =>
        program.processes.flatMap((process, p) => (process.cpu === cpu ? [p] : []))
      return {
        cpus,
        cells: cpus.map((cpu) =>
          Int32Array.from(ofFirst, (cell) => group.names.image(cell, exchange(this.identity, first, cpu))!),
        ),
        processes: cpus.map(processesOf),
      }
    })
    this.allRest = numbers
      .filter((cell) => {
        const { of, renamed } = this.cells[cell]!
        if (renamed !== undefined) return true
        return new Set(of?.cpus.filter((cpu) => group.classOf[cpu]! >= 0)).size > 1
      })
      .map((cell): Rest => {
        const { of, initial } = this.cells[cell]!
        const moves = of?.cpus.some((cpu) => group.classOf[cpu]! >= 0) === true
        return { cell, initial, isInvariant: moves ? undefined : new Map() }
      })
  }

  /** Replaces a state by its representative; gives the permutation that leads there, undefined where nothing had to be done. */
  canonicalise(state: Uint32Array): Permutation | undefined {
    if (this.recorded !== this.automata.recorder.size) this.refresh()
    let permutation: number[] | undefined
    this.ties = false
    for (const columns of this.columns) {
      const order = this.sorted(state, columns)
      for (let k = 0; k < order.length; k++) {
        if (order[k] === k) continue
        permutation ??= [...this.identity]
        permutation[columns.cpus[order[k]!]!] = columns.cpus[k]!
      }
    }
    if (permutation === undefined && !this.ties) return undefined
    const isInvariant = this.isRestInvariant(state)
    if (!this.ties || isInvariant) {
      if (permutation === undefined) return undefined
      this.apply(state, permutation, this.scratch, isInvariant)
      state.set(this.scratch)
      return permutation
    }
    return this.smallest(state, permutation ?? this.identity)
  }

  /** Leaves out the cells that nothing recorded writes. */
  private refresh(): void {
    const { recorder, handlers } = this.automata
    this.recorded = recorder.size
    const written = new Set<number>()
    const note = ({ data, stride, words }: BitRows, index: number) => {
      for (const row of [WRITES, LATER_WRITES]) {
        for (let word = 0; word < words; word++) {
          for (let bits = data[index * stride + row * words + word]!; bits !== 0; bits &= bits - 1)
            written.add(word * 32 + 31 - Math.clz32(bits & -bits))
        }
      }
    }
    for (let node = 0; node < recorder.size; node++) note(recorder.futures.own, node)
    for (const s of handlers.sources.keys()) note(handlers.own, s)
    this.columns = this.allColumns.map(({ cpus, cells, processes }) => {
      // Whatever one of the CPUs writes in its own cells, the others may in theirs.
      const some = cells[0]!.map((_, i) => (cells.some((own) => written.has(own[i]!)) ? 1 : 0))
      return { cpus, processes, cells: cells.map((own) => own.filter((_, i) => some[i] === 1)) }
    })
    this.rest = this.allRest.filter(({ cell }) => written.has(cell))
  }

  /** CPUs whose exchange with one of them leaves a state as it is, that one included. */
  sameAs(state: Uint32Array, cpu: number): readonly number[] {
    const { group } = this.images
    const columns = this.columns[group.classOf[cpu] ?? -1]
    if (columns === undefined) return [cpu]
    const place = group.placeOf[cpu]!
    const isInvariant = this.isRestInvariant(state)
    return columns.cpus.filter(
      (other, k) =>
        this.compare(state, columns, place, k) === 0 &&
        (isInvariant || this.isFixedBy(state, exchange(this.identity, cpu, other))),
    )
  }

  private isFixedBy(state: Uint32Array, permutation: Permutation): boolean {
    this.apply(state, permutation, this.scratch)
    return state.every((word, i) => word === this.scratch[i])
  }

  private sorted(state: Uint32Array, columns: Columns): number[] {
    const order = [0]
    for (let k = 1; k < columns.cpus.length; k++) {
      let at = k
      for (; at > 0; at--) {
        const difference = this.compare(state, columns, order[at - 1]!, k)
        if (difference === 0) this.ties = true
        if (difference <= 0) break
        order[at] = order[at - 1]!
      }
      order[at] = k
    }
    return order
  }

  /** Compares what two places have of their own, in a way that no permutation changes. */
  private compare(state: Uint32Array, columns: Columns, a: number, b: number): number {
    if (a === b) return 0
    const { layout, images, localField, bufferField, buffered } = this
    const [processesA, processesB] = [columns.processes[a]!, columns.processes[b]!]
    for (let i = 0; i < processesA.length; i++) {
      const [p, q] = [processesA[i]!, processesB[i]!]
      const difference =
        images.locals.orbit(layout.get(state, localField + p)) -
        images.locals.orbit(layout.get(state, localField + q))
      if (difference !== 0) return difference
      if (buffered[p] === 0) continue
      const more =
        images.buffers.orbit(layout.get(state, bufferField + p)) -
        images.buffers.orbit(layout.get(state, bufferField + q))
      if (more !== 0) return more
    }
    const [cellsA, cellsB] = [columns.cells[a]!, columns.cells[b]!]
    for (let i = 0; i < cellsA.length; i++) {
      const difference = layout.get(state, cellsA[i]!) - layout.get(state, cellsB[i]!)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Nothing outside the columns tells CPUs apart. */
  private isRestInvariant(state: Uint32Array): boolean {
    const { layout, images, localField, bufferField, buffered } = this
    for (let i = 0; i < this.rest.length; i++) {
      const rest = this.rest[i]!
      const value = layout.get(state, rest.cell)
      if (value !== rest.initial && !this.isInvariant(rest, value)) return false
    }
    for (let p = 0; p < buffered.length; p++) {
      const cpu = this.cpuOf[p]!
      if (!images.locals.isSimple(layout.get(state, localField + p), cpu)) return false
      if (buffered[p] === 1 && !images.buffers.isSimple(layout.get(state, bufferField + p), cpu)) return false
    }
    return true
  }

  private isInvariant({ cell, isInvariant }: Rest, value: number): boolean {
    if (isInvariant === undefined) return false
    let known = isInvariant.get(value)
    if (known === undefined) {
      const { renamed } = this.cells[cell]!
      known = this.images.group.generators.every(
        ({ permutation }) => renamed === undefined || renamed(value, permutation) === value,
      )
      isInvariant.set(value, known)
    }
    return known
  }

  /** The smallest state that permutations within places of one kind make of the sorted one. */
  private smallest(state: Uint32Array, sorting: Permutation): Permutation | undefined {
    this.apply(state, sorting, this.best)
    const sorted = this.best.slice()
    let chosen = sorting
    for (const order of this.isFixedByTies(sorted) ? [] : this.ordersWithinTies(sorted)) {
      this.apply(sorted, order, this.scratch)
      if (!isSmaller(this.scratch, this.best)) continue
      this.best.set(this.scratch)
      chosen = sorting.map((cpu) => order[cpu]!)
    }
    state.set(this.best)
    return chosen.every((to, cpu) => to === cpu) ? undefined : chosen
  }

  /** Exchanging neighbours in the same place leaves a sorted state as it is: then every other order does. */
  private isFixedByTies(sorted: Uint32Array): boolean {
    for (const columns of this.columns) {
      for (let k = 1; k < columns.cpus.length; k++) {
        if (this.compare(sorted, columns, k - 1, k) !== 0) continue
        if (!this.isFixedBy(sorted, exchange(this.identity, columns.cpus[k - 1]!, columns.cpus[k]!)))
          return false
      }
    }
    return true
  }

  private ordersWithinTies(sorted: Uint32Array): Permutation[] {
    let orders: Permutation[] = [this.identity]
    for (const columns of this.columns) {
      for (let from = 0; from < columns.cpus.length; ) {
        let to = from + 1
        while (to < columns.cpus.length && this.compare(sorted, columns, to - 1, to) === 0) to++
        const tied = columns.cpus.slice(from, to)
        from = to
        const number = tied.reduce((product, _, i) => product * (i + 1), 1)
        if (number === 1 || orders.length * number > MOST_ORDERS) continue
        const ways = arrangements(tied)
        orders = orders.flatMap((order) =>
          ways.map((way) => {
            const next = [...order]
            for (const [i, cpu] of tied.entries()) next[cpu] = way[i]!
            return next
          }),
        )
      }
    }
    return orders
  }

  /** A state under any permutation. */
  private apply(
    state: Uint32Array,
    permutation: Permutation,
    into: Uint32Array,
    isInvariant = this.isRestInvariant(state),
  ): void {
    const { layout, images, localField, bufferField, buffered } = this
    const { group } = images
    into.set(state)
    for (const { cpus, cells, processes } of this.columns) {
      for (let k = 0; k < cpus.length; k++) {
        const place = group.placeOf[permutation[cpus[k]!]!]!
        if (place !== k) {
          const [from, to] = [cells[k]!, cells[place]!]
          for (let i = 0; i < from.length; i++) layout.put(into, to[i]!, layout.get(state, from[i]!))
        }
        for (const [i, p] of processes[k]!.entries()) {
          const q = processes[place]![i]!
          layout.put(
            into,
            localField + q,
            images.locals.image(layout.get(state, localField + p), permutation),
          )
          if (buffered[p] === 0) continue
          const buffer = images.buffers.image(layout.get(state, bufferField + p), permutation)
          layout.put(into, bufferField + q, buffer)
        }
      }
    }
    if (isInvariant) return
    for (const { cell } of this.rest) {
      const value = layout.get(state, cell)
      const { renamed } = this.cells[cell]!
      layout.put(
        into,
        group.names.image(cell, permutation)!,
        renamed === undefined ? value : renamed(value, permutation),
      )
    }
    for (let p = 0; p < buffered.length; p++) {
      if ((group.classOf[this.cpuOf[p]!] ?? -1) >= 0) continue
      layout.put(into, localField + p, images.locals.image(layout.get(state, localField + p), permutation))
      if (buffered[p] === 1) {
        const buffer = images.buffers.image(layout.get(state, bufferField + p), permutation)
        layout.put(into, bufferField + p, buffer)
      }
    }
  }
}

/** The permutation that exchanges two CPUs. */
export function exchange(identity: Permutation, a: number, b: number): Permutation {
  return identity.map((cpu) => (cpu === a ? b : cpu === b ? a : cpu))
}

/** All orders of some CPUs. */
function arrangements(cpus: readonly number[]): (readonly number[])[] {
  if (cpus.length <= 1) return [cpus]
  return cpus.flatMap((first) =>
    arrangements(cpus.filter((cpu) => cpu !== first)).map((others) => [first, ...others]),
  )
}

function isSmaller(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!
  return false
}
