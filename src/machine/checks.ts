/**
 * The properties about translations (MACHINE 5), checked at both ends: a free, a hand-over or a promise looks at what every
 * CPU can use; a step that makes translations usable looks at what it makes usable.
 */
import type { Cell } from '../core/cells.ts'
import type { Footprint, Memory } from '../core/operation.ts'
import { addressName, FLAG, type FrameRef, levelName } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'
import type { Promised } from './spaces.ts'

/**
 * What a look at the translations that CPUs can use depends on.
 *
 * Lemma. Let U(c) be what CPU c can reach in its active context: current translations and stale ones. A store that only
 * takes an entry away moves what it gave from current to stale, in every active context, and so leaves U(c) as it is; in a
 * context that is not active nothing is usable, before and after. Hence a look at U(c) commutes with such stores, although
 * they write cells that it reads. What does change U(c) - an entry that becomes present, an invalidation on c, MOV CR3, VM
 * exit and entry - writes the token `reach` of c, and a look reads it; the walk itself only peeks.
 */
export function usableFootprint(machine: Machine, cpus: readonly Cpu[]): Footprint {
  return {
    reads: [
      ...reachFootprint(cpus),
      ...cpus.map((cpu) => cpu.user),
      ...machine.owner,
      ...machine.incarnation,
      ...machine.spaces.flatMap((space) => space.promises.map((promise) => promise.cell)),
    ],
    writes: machine.options.copies === true ? machine.copied : [],
  }
}

function reachFootprint(cpus: readonly Cpu[]): Cell[] {
  return cpus.flatMap((cpu) => [cpu.reach, cpu.guest, cpu.cr3])
}

/** One footprint of several. */
export function union(...parts: readonly Footprint[]): Footprint {
  const all = (pick: (part: Footprint) => readonly Cell[] | undefined) => [
    ...new Set(parts.flatMap((part) => pick(part) ?? [])),
  ]
  return {
    loads: all((part) => part.loads),
    reads: all((part) => part.reads),
    writes: all((part) => part.writes),
  }
}

/** A CPU may from now on use what it holds: none of it may be free, another owner's, or outside a promise. */
export function checkUsable(machine: Machine, memory: Memory, cpu: Cpu): void {
  if (machine.timed) return
  const space = machine.loadedSpace(memory, cpu)
  machine.translations.eachUsable(memory, cpu, {
    table: (frame, level, incarnation, va) => {
      const owner = machine.owners.value(memory.get(machine.owner[frame]!))
      const name = machine.options.frames[frame]?.name
      const how = `CPU${cpu.id} can walk into ${name} for ${addressName(va)}`
      if (owner.use !== 'table' || owner.level !== level || stale(machine, memory, frame, incarnation)) {
        const reused = owner.use === 'table'
        memory.violate({
          property: reused ? 'table ownership' : 'hardware-walk lifetime',
          message: reused
            ? `${how}, which is by now a table of ${owner.space} (${levelName(owner.level, machine.top)})`
            : `${how}, which is ${owner.use === 'free' ? 'free' : 'no page table any more'}`,
          cells: [machine.owner[frame]!],
        })
      } else if (space !== undefined && owner.space !== space.name && !owner.space.startsWith('shared:')) {
        memory.violate({
          property: 'table ownership',
          message: `${how}, which belongs to ${owner.space}`,
          cells: [machine.owner[frame]!],
        })
      }
    },
    leaf: (frame, incarnation, va, flags, isStale) => {
      checkLeaf(machine, memory, cpu, { frame, incarnation, va, flags, isStale })
      const promised = space?.promises[va]
      if (promised === undefined) return
      checkPromise(machine, memory, cpu, promised.decode(memory.get(promised.cell)), {
        frame,
        incarnation,
        va,
        flags,
      })
    },
  })
}

/** An explicit access to an address, at any CPL: what it may hit must be right (MACHINE 1.5). */
export function checkAccess(machine: Machine, memory: Memory, cpu: Cpu, index: number): void {
  const promised = machine.loadedSpace(memory, cpu)?.promises[index]
  const visitor = {
    leaf: (frame: number, incarnation: number, va: number, flags: number, isStale: boolean) => {
      if (va !== index) return
      const leaf = { frame, incarnation, va, flags }
      checkLeaf(machine, memory, cpu, { ...leaf, isStale })
      if (promised !== undefined)
        checkPromise(machine, memory, cpu, promised.decode(memory.get(promised.cell)), leaf)
    },
  }
  machine.translations.eachUsable(memory, cpu, visitor, { anyMode: true })
}

interface Leaf {
  readonly frame: number
  readonly incarnation: number
  readonly va: number
  readonly flags: number
}

function checkLeaf(machine: Machine, memory: Memory, cpu: Cpu, leaf: Leaf & { isStale: boolean }): void {
  const { frame, incarnation, va, flags, isStale } = leaf
  const owner = machine.owners.value(memory.get(machine.owner[frame]!))
  if (owner.use === 'free' || stale(machine, memory, frame, incarnation)) {
    const by = isStale ? 'a stale translation' : 'its page tables'
    const state = owner.use === 'free' ? 'is free' : `belongs to ${owner.space} now`
    memory.violate({
      property: 'translation coherence',
      message: `CPU${cpu.id} can use ${addressName(va)}->${machine.options.frames[frame]?.name} by ${by}, but the frame ${state}`,
      cells: [machine.owner[frame]!],
    })
  }
  if (machine.options.copies === true && flags & FLAG.writable && memory.get(machine.copied[frame]!) === 1)
    memory.set(machine.copied[frame]!, 2)
}

/** A translation outside what an operation promised (MACHINE 5.4). */
export function checkPromise(
  machine: Machine,
  memory: Memory,
  cpu: Cpu,
  promised: Promised,
  leaf: Leaf,
): void {
  const name = machine.options.frames[leaf.frame]?.name
  const pfn = machine.pfn(leaf.frame)
  const known = (ref: FrameRef) => ref.pfn === pfn && ref.incarnation === leaf.incarnation
  const wrongFrame = promised.frames !== 'any' && !promised.frames.some(known)
  if (wrongFrame || (!promised.writable && (leaf.flags & FLAG.writable) !== 0)) {
    memory.violate({
      property: 'permission coherence',
      message: `CPU${cpu.id} can still use ${addressName(leaf.va)}->${name}${wrongFrame ? '' : ' for writing'} after the operation returned`,
      cells: [],
    })
  }
}

function stale(machine: Machine, memory: Memory, frame: number, incarnation: number): boolean {
  return memory.get(machine.incarnation[frame]!) !== incarnation
}

/** The cells that decide who can use one frame. */
export function frameUseFootprint(machine: Machine, frame: number): Footprint {
  const { cpus } = machine
  return {
    reads: [...reachFootprint(cpus), ...(machine.isTableOnly(frame) ? [] : cpus.map((cpu) => cpu.user))],
  }
}

/** A frame is given up: nobody may still be able to use it, as a table or as data. */
export function checkFrameUnused(machine: Machine, memory: Memory, frame: number, doing: string): void {
  if (machine.timed) return
  const name = machine.options.frames[frame]?.name
  for (const cpu of machine.cpus) {
    const table = (used: number) => {
      if (used !== frame) return
      memory.violate({
        property: 'hardware-walk lifetime',
        message: `${name} is ${doing} while CPU${cpu.id} can still walk into it`,
        cells: [machine.owner[frame]!],
      })
    }
    const leaf = (used: number, _: number, va: number) => {
      if (used !== frame) return
      memory.violate({
        property: 'translation coherence',
        message: `${name} is ${doing} while CPU${cpu.id} can still use ${addressName(va)}->${name}`,
        cells: [machine.owner[frame]!],
      })
    }
    const visitor = machine.isTableOnly(frame) ? { table } : { table, leaf }
    machine.translations.eachUsable(memory, cpu, visitor, { onlyFrame: frame })
  }
}
