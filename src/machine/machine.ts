/**
 * The x86 multiprocessor (MACHINE.md): declares every cell of the shared state, and knows the static facts about them.
 * What instructions do is in the files beside this one.
 */
import {
  type Cell,
  type CellInfo,
  CellTable,
  type CpuName,
  cpuName,
  type Permutation,
} from '../core/cells.ts'
import type { Memory, Operation } from '../core/operation.ts'
import { type Handle, Interner, newHandleId, type Plain, showPlain } from '../core/plain.ts'
import type { Frame, Goal, Process, Program, Source } from '../core/program.ts'
import {
  type Entry,
  EntryTable,
  type FrameRef,
  type Level,
  tableIndex,
  type VirtualAddress,
} from './entries.ts'
import { FREE, type FrameSpec, type Owner } from './frame-specs.ts'
import type { MachineOptions } from './machine-options.ts'
import { Made, MadeOperations } from './made.ts'
import type { EntrySlot } from './paging.ts'
import { ReaderState } from './rcu.ts'
import { RecentValues, type Values } from './recent.ts'
import { type AddressSpace, ANYTHING, type Lookup } from './spaces.ts'
import { TableIndices } from './table-indices.ts'
import { TimedEntries } from './timed-entries.ts'
import { Translations } from './translations.ts'
import type { Variable } from './variables.ts'

/** A virtual CPU. Plain state is in cells; the object only names them. */
export interface Cpu extends Handle {
  readonly id: number
  readonly machine: Machine
  /** Interrupt flag. */
  readonly if: Cell
  /** 1 at CPL 3. */
  readonly user: Cell
  /** 1 while the vCPU executes guest code (or the machine is bare metal); 0 while its pCPU runs the host or another vCPU. */
  readonly guest: Cell
  /** An NMI handler is running. */
  readonly nmi: Cell
  readonly cr3: Cell
  /** Stands for the set of translations that the CPU can reach, whatever its CPL (see checks.ts); never holds a value. */
  readonly reach: Cell
  /** Which physical TLB it uses; constant unless vCPUs migrate. */
  readonly tlb: Cell | undefined
  /** Its RCU read-side sections. */
  readonly readers: ReaderState
  /** Instructions of this CPU that are made once: by what they are; IRET by what it restores; the rest by site. */
  readonly made: Made<string>
  readonly irets: Made<number>
  readonly irqSaves: Made<string>
  readonly invlpgs: Made<string>
  /** What its host flushes for it: by site, and by what. */
  readonly guestFlushes: Map<string, Made<object>>
  readonly reloads: Made<string>
}

/** The value of CR3, with the PCID apart. */
export interface Cr3 {
  readonly [key: string]: Plain
  readonly root: FrameRef
  readonly pcid: number
}

/** First frame number: scenarios' frames follow each other from here. */
const FIRST_PFN = 0x1000

/** The machine of one scenario. */
export class Machine implements Handle {
  readonly handleId = newHandleId()
  readonly options: MachineOptions
  readonly cells = new CellTable()
  readonly entries: EntryTable
  readonly owners = new Interner<Owner>()
  readonly cr3s = new Interner<Cr3>()
  readonly cpus: readonly Cpu[]
  readonly contexts: number
  readonly rcuSlots: number
  readonly top: Level
  /** Per frame. */
  readonly owner: readonly Cell[]
  readonly incarnation: readonly Cell[]
  readonly count: readonly Cell[]
  /** Lost-write marks: 0 not being copied, 1 copied, 2 copied and possibly written since. */
  readonly copied: readonly Cell[]
  /** Pins that walkers have returned and not given back. */
  readonly pins: readonly Cell[]
  /** Per CPU: the software walk under way. */
  readonly lookups: readonly Variable<Lookup | null>[]
  readonly spaces: AddressSpace[] = []
  readonly translations: Translations
  /** Facts for diagrams, added by whoever declares state worth a line. */
  readonly describers: ((memory: Memory) => readonly string[])[] = []
  /** What could hurt, if it can happen: looked for when a verdict is safe. */
  readonly goals: Goal[] = []
  /** What limits the model: printed with verdicts. */
  readonly bounds: string[] = []
  /** See {@link MachineOptions.timed}. */
  readonly timed: boolean
  private readonly families = new Map<string, Interner<unknown>>()
  private readonly frameSpecs: FrameSpec[]
  private readonly frameNumbers = new Map<string, number>()
  private readonly words = new Map<number, Cell>()
  private readonly indices = new TableIndices()
  /** Per word: the last software read of it. */
  readonly reads = new Map<Cell, { readonly at: EntrySlot; readonly operation: Operation<Entry> }>()
  /** Per frame: operations on its count, and its freeing, that are made once. */
  readonly gets: Operation<boolean>[] = []
  readonly puts: Operation<FrameRef | undefined>[] = []
  readonly frees: { readonly incarnation: number; readonly operation: Operation<void> }[] = []
  private readonly sources: Source[][]
  private readonly agents: Process[] = []
  private readonly mains: (Frame | undefined)[]

  constructor(options: MachineOptions) {
    const frames = [...options.frames]
    this.options = { ...options, frames }
    this.frameSpecs = frames
    this.timed = options.timed === true
    this.entries = this.timed ? new TimedEntries(FIRST_PFN) : new EntryTable()
    this.contexts = options.contexts ?? 1
    this.rcuSlots = options.rcuSlots ?? 0
    this.top = options.levels
    this.owners.id(FREE)
    this.cpus = Array.from({ length: options.cpus }, (_, id) => this.declareCpu(id))
    this.sources = this.cpus.map(() => [])
    this.mains = this.cpus.map(() => undefined)
    const owner = (spec: FrameSpec) => this.owners.id(spec.owner ?? FREE)
    for (const [index, { name }] of frames.entries()) this.frameNumbers.set(name, index)
    this.owner = frames.map((f) => this.cells.add(`owner[${f.name}]`, 3, owner(f)))
    this.incarnation = frames.map((f) => this.cells.add(`incarnation[${f.name}]`, 2, 1))
    this.count = frames.map((f) => this.cells.add(`count[${f.name}]`, 2, f.count ?? 0))
    this.copied = frames.map((f) => this.cells.add(`copied[${f.name}]`, 1, 0))
    this.pins = frames.map((f) => this.cells.add(`pins[${f.name}]`, 1, 0))
    this.lookups = this.cpus.map(({ id }) => this.plainVariable<Lookup | null>(cpuName`lookup[${id}]`, null))
    this.declareWords()
    this.translations = new Translations(this)
  }

  private declareCpu(id: number): Cpu {
    const cell = (name: string, bits: number, initial: number) =>
      this.cells.add(cpuName`${name}[${id}]`, bits, initial)
    return {
      handleId: newHandleId(),
      id,
      machine: this,
      if: cell('IF', 1, 1),
      user: cell('user', 1, 0),
      guest: cell('guest', 1, 1),
      nmi: cell('nmi', 1, 0),
      cr3: cell('CR3', 2, this.cr3s.id({ root: { pfn: 0, incarnation: 0 }, pcid: 0 })),
      reach: cell('reach', 1, 0),
      tlb: this.options.tlbs === undefined ? undefined : cell('tlb', 2, id % this.options.tlbs),
      readers: new ReaderState(this, id),
      made: new Made(),
      irets: new Made(),
      irqSaves: new Made(),
      invlpgs: new Made(),
      guestFlushes: new Map(),
      reloads: new Made(),
    }
  }

  private declareWords(): void {
    for (const [frame, spec] of this.options.frames.entries())
      this.declareWordsOf(frame, spec, this.options.track)
  }

  private declareWordsOf(frame: number, spec: FrameSpec, addresses: readonly VirtualAddress[]): void {
    for (const level of spec.table ?? []) {
      for (const va of addresses) {
        const key = frame * 512 + tableIndex(va, level)
        if (this.words.has(key)) continue
        this.words.set(key, this.cells.add(`${spec.name}[${tableIndex(va, level)}]`, 3, 0))
      }
    }
  }

  /** One more free frame while a timed machine runs: its memory grows with the table of cells. */
  addFrame(spec: FrameSpec, addresses: readonly VirtualAddress[]): FrameRef {
    if (!this.timed) throw new RangeError('the frames of a machine that is explored are fixed')
    const index = this.frameSpecs.length
    this.frameSpecs.push(spec)
    this.frameNumbers.set(spec.name, index)
    const add = (cells: readonly Cell[], name: string, initial: number) =>
      (cells as Cell[]).push(this.cells.add(`${name}[${spec.name}]`, 1, initial))
    add(this.owner, 'owner', this.owners.id(spec.owner ?? FREE))
    add(this.incarnation, 'incarnation', 1)
    add(this.count, 'count', spec.count ?? 0)
    add(this.copied, 'copied', 0)
    add(this.pins, 'pins', 0)
    this.declareWordsOf(index, spec, addresses)
    return { pfn: FIRST_PFN + index, incarnation: 1 }
  }

  /** The index of an address into a table of a level. */
  indexOf(va: VirtualAddress, level: Level): number {
    return this.indices.of(va, level)
  }

  /** Whether a frame never holds data that is mapped: who is at CPL 3 does not matter for it. */
  isTableOnly(frame: number): boolean {
    const spec = this.frameSpecs[frame]
    return spec?.table !== undefined && spec.owner?.use === 'table' && spec.data !== true
  }

  /** The word of a table, or undefined where no tracked address has one. */
  word(frame: number, index: number): Cell | undefined {
    return this.words.get(frame * 512 + index)
  }

  /** All words of all tables. */
  get allWords(): readonly Cell[] {
    return [...this.words.values()]
  }

  /** Index of a frame by its number. */
  frameIndex(pfn: number): number {
    return pfn - FIRST_PFN
  }

  /** The reference to a frame in its first life, for building initial states. */
  frame(name: string): FrameRef {
    const index = this.frameNumbers.get(name)
    if (index === undefined) throw new RangeError(`the machine has no frame ${name}`)
    return { pfn: FIRST_PFN + index, incarnation: 1 }
  }

  pfn(index: number): number {
    return FIRST_PFN + index
  }

  /** The name of a frame, by number. */
  frameName(pfn: number): string {
    return this.options.frames[this.frameIndex(pfn)]?.name ?? `frame 0x${pfn.toString(16)}`
  }

  /** A variable that holds 0 .. 2^bits - 1 (it widens where it must). */
  variable(name: string | CpuName, initial = 0, bits = 1): Variable<number> {
    const identity = (value: number) => value
    return this.newVariable(name, bits, initial, identity, identity, String)
  }

  /**
   * A variable that holds any plain value; values are numbered as they are met.
   *
   * @param renamed - where values name CPUs by number: the value after a permutation
   */
  plainVariable<T extends Plain>(
    name: string | CpuName,
    initial: T,
    show: (value: T) => string = showPlain,
    renamed?: (value: T, permutation: Permutation) => T,
  ): Variable<T> {
    const values = this.valuesOf<T>(name, initial)
    return this.newVariable(
      name,
      2,
      values.id(initial),
      (v) => values.id(v),
      (raw) => values.value(raw),
      show,
      renamed && ((raw, permutation) => values.id(renamed(values.value(raw), permutation))),
    )
  }

  /** Variables that differ only in their CPU number values alike: otherwise equal values would tell interchangeable CPUs apart. */
  private valuesOf<T>(name: string | CpuName, first: T): Values<T> {
    if (typeof name === 'string' || this.timed) return this.values(first)
    let values = this.families.get(name.family)
    if (values === undefined) {
      values = new Interner<unknown>()
      this.families.set(name.family, values)
    }
    return values as Interner<T>
  }

  /** A view of a cell that has been declared, over values that it may share with others. */
  variableAt<T>(cell: Cell, name: string, values: Values<T>, show: (value: T) => string): Variable<T> {
    const encode = (value: T) => values.id(value)
    return this.view(cell, name, encode, (raw) => values.value(raw), show)
  }

  /** Numbers for values that pass through memory. */
  values<T>(first: T): Values<T> {
    if (this.timed) return new RecentValues(first)
    const values = new Interner<T>()
    values.id(first)
    return values
  }

  /** One flag per CPU. */
  perCpu(name: string, initial: (cpu: number) => number = () => 0, bits = 1): Variable<number>[] {
    return this.cpus.map(({ id }) => this.variable(cpuName`${name}[${id}]`, initial(id), bits))
  }

  private newVariable<T>(
    name: string | CpuName,
    bits: number,
    initial: number,
    encode: (value: T) => number,
    decode: (raw: number) => T,
    show: (value: T) => string,
    renamed?: CellInfo['renamed'],
  ): Variable<T> {
    const cell = this.cells.add(name, bits, initial, renamed)
    return this.view(cell, this.cells.name(cell), encode, decode, show)
  }

  private view<T>(
    cell: Cell,
    name: string,
    encode: (value: T) => number,
    decode: (raw: number) => T,
    show: (value: T) => string,
  ): Variable<T> {
    const buffered = this.options.memoryModel === 'tso'
    const made = new MadeOperations()
    return { handleId: newHandleId(), cell, name, buffered, timed: this.timed, encode, decode, show, made }
  }

  /** Declares an address space with its root table. */
  addressSpace(name: string, root: FrameRef): AddressSpace {
    const promises = this.options.track.map((_, va) => this.plainVariable(`promise[${name}.${va}]`, ANYTHING))
    const space = { handleId: newHandleId(), name, root, promises }
    this.spaces.push(space)
    return space
  }

  /** The address space that a CPU has loaded, if it is a declared one. */
  loadedSpace(memory: Memory, cpu: Cpu): AddressSpace | undefined {
    const { root } = this.cr3s.value(memory.get(cpu.cr3))
    return this.spaces.find((space) => space.root.pfn === root.pfn)
  }

  /** Sets the CR3 with which a CPU starts. */
  startIn(cpu: Cpu, space: AddressSpace, pcid = 0): void {
    this.cells.setInitial(cpu.cr3, this.cr3s.id({ root: space.root, pcid }))
  }

  /** What a CPU runs. */
  run(cpu: Cpu, main: Frame): void {
    this.mains[cpu.id] = main
  }

  /** Something that can interrupt a CPU. */
  addSource(cpu: Cpu, source: Source): void {
    this.sources[cpu.id]!.push(source)
  }

  /** A process that is no CPU. */
  addAgent(agent: Process): void {
    this.agents.push(agent)
  }

  /** The finished program. */
  program(): Program {
    const processes: Process[] = this.cpus.map((cpu) => ({
      name: `CPU${cpu.id}`,
      cpu: cpu.id,
      main: this.mains[cpu.id],
      sources: this.sources[cpu.id]!,
      buffered: this.options.memoryModel === 'tso',
      daemon: false,
    }))
    return {
      cells: this.cells,
      processes: [...processes, ...this.agents],
      bounds: this.bounds,
      goals: this.goals,
      describe: (memory) => this.describers.flatMap((describe) => describe(memory)),
    }
  }
}
