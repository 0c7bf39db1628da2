/**
 * A machine on a bench: operations take effect one after the other, as the test writes them, and between them the test asks
 * what a CPU could use. Two address spaces, `a` (PGD, PUD, PMD, T) and `b` (PGDb, PUDb, PMDb, Tb); X and Y are pages.
 */
import type { Cell } from '../../src/core/cells.ts'
import { type Memory, Operation, type Step, type Task } from '../../src/core/operation.ts'
import { frame } from '../../src/core/program.ts'
import type { Property, Violation } from '../../src/core/violation.ts'
import { check } from '../../src/explore/check.ts'
import { type Entry, type FrameRef, type Level, makeEntry, NONE } from '../../src/machine/entries.ts'
import type { FrameSpec } from '../../src/machine/frame-specs.ts'
import { Host } from '../../src/machine/host.ts'
import { type Cpu, Machine } from '../../src/machine/machine.ts'
import type { MachineOptions } from '../../src/machine/machine-options.ts'
import { slot, writeEntry } from '../../src/machine/paging.ts'
import type { AddressSpace } from '../../src/machine/spaces.ts'
import type { TranslationVisitor } from '../../src/machine/walks.ts'

/** Index 1 at every level. */
export const V = 0x0000_0080_4020_1000n
/** In the same table as V. */
export const W = 0x0000_0080_4020_2000n
/** In another table: index 2 of the PMD. */
export const U = 0x0000_0080_4040_1000n

const table = (name: string, level: Level, space: string) =>
  ({ name, table: [level], owner: { use: 'table', level, space } }) as const
const page = (name: string) => ({ name, owner: { use: 'data', space: 'a' }, count: 1 }) as const

export const FRAMES: readonly FrameSpec[] = [
  ...[table('PGD', 4, 'a'), table('PUD', 3, 'a'), table('PMD', 2, 'a'), table('T', 1, 'a')],
  ...[table('PGDb', 4, 'b'), table('PUDb', 3, 'b'), table('PMDb', 2, 'b'), table('Tb', 1, 'b')],
  { ...table('T2', 1, 'a'), data: true },
  ...[page('X'), page('Y'), page('Z')],
]

export class Bench implements Memory {
  readonly machine: Machine
  readonly host: Host
  readonly a: AddressSpace
  readonly b: AddressSpace
  readonly values: number[]
  violations: Violation[] = []

  constructor(options: Partial<MachineOptions> = {}) {
    this.machine = new Machine({
      cpus: 2,
      memoryModel: 'sc',
      levels: 4,
      track: [V, W, U],
      frames: FRAMES,
      ...options,
    })
    this.host = new Host(this.machine)
    this.a = this.machine.addressSpace('a', this.machine.frame('PGD'))
    this.b = this.machine.addressSpace('b', this.machine.frame('PGDb'))
    this.values = []
    this.grow()
    for (const [from, level, to] of [
      ...([
        ['PGD', 4, 'PUD'],
        ['PUD', 3, 'PMD'],
        ['PMD', 2, 'T'],
      ] as const),
      ...([
        ['PGDb', 4, 'PUDb'],
        ['PUDb', 3, 'PMDb'],
        ['PMDb', 2, 'Tb'],
      ] as const),
    ]) {
      this.write(from, level, V, this.to(to))
    }
    for (const { cr3 } of this.machine.cpus)
      this.values[cr3] = this.machine.cr3s.id({ root: this.a.root, pcid: 0 })
  }

  private grow(): void {
    const { cells } = this.machine.cells
    for (let i = this.values.length; i < cells.length; i++) this.values.push(cells[i]!.initial)
  }

  cpu(id: number): Cpu {
    return this.machine.cpus[id]!
  }

  frame(name: string): FrameRef {
    return this.machine.frame(name)
  }

  /** An entry that leads to a frame; writable and for user mode unless it is said otherwise. */
  to(name: string, attributes: Parameters<typeof makeEntry>[1] = { writable: true, user: true }): Entry {
    return makeEntry(this.frame(name), attributes)
  }

  /** Changes a word of a table. */
  write(tableName: string, level: Level, va: bigint, entry: Entry): void {
    this.do(writeEntry(slot(this.machine, this.frame(tableName), level, va), entry))
  }

  /** Maps an address by the table T, or takes it away. */
  map(va: bigint, name: string, attributes?: Parameters<typeof makeEntry>[1]): void {
    this.write('T', 1, va, this.to(name, attributes))
  }

  unmap(va: bigint): void {
    this.write('T', 1, va, NONE)
  }

  /** Runs an operation, or code, to its end; gives its value. */
  do<T>(what: Operation<T> | Task<T>): T {
    this.grow()
    return what instanceof Operation ? this.apply(what) : this.run(what)
  }

  private apply<T>(operation: Operation<T>): T {
    if (operation.guard?.(this) === false) throw new Error(`"${operation.label}" waits`)
    const raw = operation.apply(this, 0)
    operation.commit?.apply(this)
    return operation.decode(raw)
  }

  private run<T>(task: Task<T>): T {
    let given: unknown
    for (;;) {
      const { done, value } = task.next(given)
      if (done) return value
      const step: Step = value
      given = step instanceof Operation ? this.apply(step) : this.run(step.fn(...step.args))
    }
  }

  /** The properties that an operation violates. */
  violated(what: Operation<unknown> | Task<unknown>): Property[] {
    const before = this.violations.length
    this.do(what)
    return [...new Set(this.violations.slice(before).map(({ property }) => property))]
  }

  /** The verdict on every interleaving of what CPUs run, from the state that has been reached by now. */
  verdict(...mains: readonly (() => Task<void>)[]): string {
    this.grow()
    for (const [cell, value] of this.values.entries()) this.machine.cells.setInitial(cell as Cell, value)
    for (const [id, main] of mains.entries()) this.machine.run(this.cpu(id), frame(main))
    const found = check(this.machine.program(), { shortest: false })
    return found.verdict === 'unsafe' ? found.property : found.verdict
  }

  /** Which frames a CPU could hit if it accessed an address now, at whatever CPL. */
  reaches(cpu: number, va: bigint): string[] {
    return this.visit(cpu, true, (found, names) => ({
      leaf: (frame, _, index) => {
        if (this.machine.options.track[index] === va) found.add(names(frame))
      },
    }))
  }

  /** Which pages a CPU could use as it runs now: nothing outside guest mode, nothing at CPL 0. */
  uses(cpu: number): string[] {
    return this.visit(cpu, false, (found, names) => ({ leaf: (frame) => void found.add(names(frame)) }))
  }

  /** Which tables a CPU could walk into. */
  walksInto(cpu: number): string[] {
    return this.visit(cpu, false, (found, names) => ({ table: (frame) => void found.add(names(frame)) }))
  }

  private visit(
    cpu: number,
    anyMode: boolean,
    visitor: (found: Set<string>, name: (frame: number) => string) => TranslationVisitor,
  ): string[] {
    const found = new Set<string>()
    const name = (frame: number) => this.machine.options.frames[frame]!.name
    this.machine.translations.eachUsable(this, this.cpu(cpu), visitor(found, name), { anyMode })
    return [...found].sort()
  }

  get(cell: Cell): number {
    return this.values[cell]!
  }

  peek(cell: Cell): number {
    return this.values[cell]!
  }

  load(cell: Cell): number {
    return this.values[cell]!
  }

  set(cell: Cell, value: number): void {
    this.values[cell] = value
  }

  violate(violation: Violation): void {
    this.violations.push(violation)
  }
}
