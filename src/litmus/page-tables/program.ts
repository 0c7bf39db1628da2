/** Shapes of enhanced litmus tests as programs of the machine: real page tables, TLB contents, store buffers by frame. */
import type { Cell } from '../../core/cells.ts'
import { type Footprint, type Memory, Operation, type Task } from '../../core/operation.ts'
import { type Handle, Interner, newHandleId } from '../../core/plain.ts'
import { frame, type Program } from '../../core/program.ts'
import { union, usableFootprint } from '../../machine/checks.ts'
import {
  type FrameRef,
  isPresent,
  makeEntry,
  tableIndex,
  type VirtualAddress,
} from '../../machine/entries.ts'
import type { FrameSpec } from '../../machine/frame-specs.ts'
import { type Cpu, Machine } from '../../machine/machine.ts'
import { slot, writeEntry } from '../../machine/paging.ts'
import { invlpg } from '../../machine/tlb.ts'
import { load, store, type Variable, waitUntil } from '../../machine/variables.ts'
import type { Access, FrameName, Page, Step } from './steps.ts'

/** Whether a remote INVLPG waits for the IPI of the CPU that changed the mapping, or may happen at any time. */
export type Shootdown = 'by IPI' | 'unordered'

const PAGES: readonly Page[] = ['u', 'v', 'w']
const FRAMES: readonly FrameName[] = ['U', 'V', 'W', 'N']
const TABLES = ['PGD', 'PUD', 'PMD', 'PTE'] as const
const SPACE = 'mm'

const ADDRESSES: Readonly<Record<Page, VirtualAddress>> = { u: 0x1000n, v: 0x2000n, w: 0x3000n }

/** One program, and what it needs to say how it ended. */
export class PageTableTest implements Handle {
  readonly handleId = newHandleId()
  readonly threads: readonly (readonly Step[])[]
  readonly shootdown: Shootdown
  readonly program: Program
  readonly ends: readonly Cell[]
  private readonly machine: Machine
  private readonly words: ReadonlyMap<FrameName, Variable<number>>
  private readonly sent: Variable<number>
  private readonly outcomes = new Interner<readonly Access[]>()

  constructor(threads: readonly (readonly Step[])[], memoryModel: 'tso' | 'sc', shootdown: Shootdown) {
    this.threads = threads
    this.shootdown = shootdown
    const tables = TABLES.map((name, i): FrameSpec => {
      const level = (4 - i) as 1 | 2 | 3 | 4
      return { name, table: [level], owner: { use: 'table', level, space: SPACE }, count: 1 }
    })
    const data = FRAMES.map((name): FrameSpec => ({ name, owner: { use: 'data', space: SPACE }, count: 1 }))
    const machine = new Machine({
      cpus: threads.length,
      memoryModel,
      levels: 4,
      track: PAGES.map((page) => ADDRESSES[page]),
      frames: [...tables, ...data],
    })
    this.machine = machine
    this.words = new Map(FRAMES.map((name) => [name, machine.variable(`memory[${name}]`, 0, 2)]))
    this.sent = machine.variable('IPI sent')
    this.outcomes.id([])
    this.ends = threads.map((_, cpu) => machine.cells.add(`end[${cpu}]`, 4))
    this.fillTables()
    const space = machine.addressSpace(SPACE, machine.frame('PGD'))
    for (const cpu of machine.cpus) {
      machine.startIn(cpu, space)
      machine.run(cpu, frame(runThread, this, cpu))
    }
    this.program = machine.program()
  }

  private fillTables(): void {
    const set = (table: string, level: 1 | 2 | 3 | 4, page: Page, to: FrameRef) => {
      const { machine } = this
      const cell = machine.word(
        machine.frameIndex(machine.frame(table).pfn),
        tableIndex(ADDRESSES[page], level),
      )
      machine.cells.setInitial(cell as Cell, machine.entries.id(makeEntry(to)))
    }
    for (const page of PAGES) {
      set('PGD', 4, page, this.machine.frame('PUD'))
      set('PUD', 3, page, this.machine.frame('PMD'))
      set('PMD', 2, page, this.machine.frame('PTE'))
      set('PTE', 1, page, this.machine.frame(page.toUpperCase()))
    }
  }

  /** How a thread ended, by the value of its cell. */
  accesses(id: number): readonly Access[] {
    return this.outcomes.value(id)
  }

  *run(cpu: Cpu): Task<void> {
    const seen: Access[] = []
    for (const step of this.threads[cpu.id] ?? []) {
      const access = yield* this.step(cpu, step)
      if (access !== undefined) seen.push(access)
    }
    yield* this.end(cpu, seen)
  }

  private *step(cpu: Cpu, step: Step): Task<Access | undefined> {
    const { machine } = this
    switch (step.is) {
      case 'remap': {
        const at = slot(machine, machine.frame('PTE'), 1, ADDRESSES[step.page])
        yield* writeEntry(at, makeEntry(machine.frame(step.to)))
        return undefined
      }
      case 'invlpg':
        if (step.remote && this.shootdown === 'by IPI') {
          yield* waitUntil([this.sent], 'wait for the IPI', ([sent]) => sent === 1)
        }
        yield* invlpg(cpu, ADDRESSES[step.page], 'litmus')
        return undefined
      case 'ipi':
        yield* store(this.sent, 1)
        return undefined
      case 'read':
      case 'write':
        return yield* this.access(cpu, step)
    }
  }

  private *access(cpu: Cpu, step: Extract<Step, { is: 'read' | 'write' }>): Task<Access> {
    const to = yield* this.translate(cpu, step)
    const word = to === 'fault' ? undefined : this.words.get(to)
    if (word === undefined) return { frame: 'fault', value: 0 }
    if (step.is === 'read') return { frame: to, value: yield* load(word) }
    if (step.dirties) yield* this.setDirty(cpu, step.page)
    yield* store(word, step.value)
    return { frame: to, value: step.value }
  }

  /** The environment picks one of the translations that the CPU may use for the page. */
  private translate(
    cpu: Cpu,
    { page, walks }: { page: Page; walks: boolean },
  ): Operation<FrameName | 'fault'> {
    const { machine } = this
    const { translations } = machine
    const wanted = translations.tracked(ADDRESSES[page])
    return new Operation<FrameName | 'fault'>({
      kind: 'local',
      label: walks ? `walk ${page}` : `translate ${page}`,
      choices: FRAMES.length,
      footprint: () =>
        union(usableFootprint(machine, [cpu]), {
          reads: [...translations.walkFootprint([cpu]), ...translations.staleFootprint([cpu])],
        }),
      apply: (memory, choice) => {
        const found = new Set<number>()
        const leaf = (to: number, _: number, va: number, __: number, stale: boolean) => {
          if (va === wanted && !(walks && stale)) found.add(to)
        }
        translations.eachUsable(memory, cpu, { leaf }, { anyMode: true })
        const frames = [...found].sort((a, b) => a - b)
        const chosen = frames[choice % Math.max(1, frames.length)]
        return chosen === undefined ? 0 : chosen - TABLES.length + 1
      },
      decode: (raw) => FRAMES[raw - 1] ?? 'fault',
      explain: (raw) => FRAMES[raw - 1] ?? 'fault',
    })
  }

  /** D is set by an atomic walk of its own; an entry that has it is another entry, and the former one may still be cached. */
  private setDirty(cpu: Cpu, page: Page): Operation<void> {
    const { machine } = this
    const { translations } = machine
    const table = machine.frameIndex(machine.frame('PTE').pfn)
    const index = tableIndex(ADDRESSES[page], 1)
    const cell = machine.word(table, index) as Cell
    const footprint = (): Footprint =>
      union({ writes: [cell, ...machine.cpus.map((other) => other.reach)] }, translations.changeFootprint())
    return new Operation<void>({
      kind: 'rmw',
      label: `CPU${cpu.id} sets D of ${page}`,
      footprint,
      apply: (memory: Memory) => {
        const entry = machine.entries.entry(memory.get(cell))
        const ref = { pfn: machine.entries.pfn[memory.get(cell)] as number, incarnation: entry.incarnation }
        const dirty = machine.entries.id(makeEntry(ref, { writable: true, user: true, dirty: true }))
        if (!isPresent(entry) || memory.get(cell) === dirty) return 0
        translations.entryChanges(memory, table, index)
        memory.set(cell, dirty)
        return 0
      },
    })
  }

  private end(cpu: Cpu, seen: readonly Access[]): Operation<void> {
    const cell = this.ends[cpu.id] as Cell
    const id = this.outcomes.id(seen)
    return new Operation<void>({
      kind: 'local',
      label: 'end',
      footprint: () => ({ writes: [cell] }),
      apply: (memory) => {
        memory.set(cell, id)
        return 0
      },
    })
  }
}

function* runThread(test: PageTableTest, cpu: Cpu): Task<void> {
  yield* test.run(cpu)
}
