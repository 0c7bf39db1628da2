/** Page frames: allocation, freeing, hand-over, reference counts (MACHINE 5.1, 5.2). */
import type { Cell } from '../core/cells.ts'
import { type Memory, Operation, type Task } from '../core/operation.ts'
import { checkFrameUnused, frameUseFootprint, union } from './checks.ts'
import type { FrameRef } from './entries.ts'
import { FREE, type Owner } from './frame-specs.ts'
import type { Machine } from './machine.ts'
import { LIVES_UNDER_A_CLOCK } from './timed-entries.ts'

/** The cells of a frame's life. */
function lifeCells(machine: Machine, frame: number) {
  return [machine.owner[frame]!, machine.incarnation[frame]!, machine.count[frame]!]
}

function isCurrent(machine: Machine, memory: Memory, ref: FrameRef): boolean {
  const frame = machine.frameIndex(ref.pfn)
  return (
    memory.get(machine.incarnation[frame]!) === ref.incarnation && memory.get(machine.owner[frame]!) !== 0
  )
}

/** Ends a life of a frame: nobody may be able to use it; whatever still names it is from now on a violation. */
function giveUp(machine: Machine, memory: Memory, ref: FrameRef, doing: string, next: Owner): void {
  const frame = machine.frameIndex(ref.pfn)
  if (!isCurrent(machine, memory, ref)) {
    memory.violate({
      property: 'reference validity',
      message: `${machine.frameName(ref.pfn)} is ${doing} twice`,
      cells: [machine.owner[frame]!],
    })
    return
  }
  checkFrameUnused(machine, memory, frame, doing)
  memory.set(machine.owner[frame]!, machine.owners.id(next))
  memory.set(machine.incarnation[frame]!, nextLife(machine, ref.incarnation))
  memory.set(machine.count[frame]!, next.use === 'free' ? 0 : 1)
}

/** The life after one. */
function nextLife({ timed }: Machine, incarnation: number): number {
  return timed ? (incarnation % LIVES_UNDER_A_CLOCK) + 1 : incarnation + 1
}

/** Frees a frame: `free_page()`. From here on the allocator may hand it to anybody. */
export function freeFrame(machine: Machine, ref: FrameRef): Operation<void> {
  const frame = machine.frameIndex(ref.pfn)
  const known = machine.frees[frame]
  if (known?.incarnation === ref.incarnation) return known.operation
  const operation = freeing(machine, frame, ref)
  machine.frees[frame] = { incarnation: ref.incarnation, operation }
  return operation
}

function freeing(machine: Machine, frame: number, ref: FrameRef): Operation<void> {
  return new Operation<void>({
    kind: 'free',
    label: `free ${machine.frameName(ref.pfn)}`,
    footprint: () => union(frameUseFootprint(machine, frame), { writes: lifeCells(machine, frame) }),
    apply: (memory) => {
      giveUp(machine, memory, ref, 'freed', FREE)
      return 0
    },
  })
}

/** Gives a frame to another owner without freeing it in between (a deposited table, a page revoked by a driver). */
export function handOver(machine: Machine, ref: FrameRef, owner: Owner): Operation<FrameRef> {
  const frame = machine.frameIndex(ref.pfn)
  return new Operation<FrameRef>({
    kind: 'free',
    label: `hand over ${machine.frameName(ref.pfn)}`,
    footprint: () => union(frameUseFootprint(machine, frame), { writes: lifeCells(machine, frame) }),
    apply: (memory) => {
      giveUp(machine, memory, ref, 'handed over', owner)
      return 0
    },
    decode: () => ({ pfn: ref.pfn, incarnation: nextLife(machine, ref.incarnation) }),
  })
}

/** Allocates a named frame if it is free; null if it is not. */
export function allocFrame(machine: Machine, name: string, owner: Owner): Operation<FrameRef | null> {
  const { pfn } = machine.frame(name)
  const frame = machine.frameIndex(pfn)
  return new Operation<FrameRef | null>({
    kind: 'alloc',
    label: () => `allocate ${name}`,
    footprint: () => ({ writes: lifeCells(machine, frame) }),
    apply: (memory) => {
      if (memory.get(machine.owner[frame]!) !== 0) return 0
      memory.set(machine.owner[frame]!, machine.owners.id(owner))
      memory.set(machine.count[frame]!, 1)
      return memory.get(machine.incarnation[frame]!)
    },
    decode: (raw) => (raw === 0 ? null : { pfn, incarnation: raw }),
  })
}

/** The environment takes a free frame for something else, if it is free: count 1, any content (MACHINE 5.1). */
export function reallocate(machine: Machine, name: string, owner: Owner): Operation<void> {
  const frame = machine.frameIndex(machine.frame(name).pfn)
  return new Operation<void>({
    kind: 'alloc',
    label: `${name} is reused`,
    footprint: () => ({ writes: lifeCells(machine, frame) }),
    guard: (memory) => memory.get(machine.owner[frame]!) === 0,
    apply: (memory) => {
      memory.set(machine.owner[frame]!, machine.owners.id(owner))
      memory.set(machine.count[frame]!, 1)
      return 0
    },
  })
}

/** `folio_try_get()`: counts a reference unless the count is zero; false then. May hit a frame in another life: recheck. */
export function tryGetRef(machine: Machine, ref: FrameRef): Operation<boolean> {
  const frame = machine.frameIndex(ref.pfn)
  const known = machine.gets[frame]
  if (known !== undefined) return known
  const operation = tryGet(machine, frame, ref)
  machine.gets[frame] = operation
  return operation
}

function tryGet(machine: Machine, frame: number, ref: FrameRef): Operation<boolean> {
  const count = machine.count[frame]!
  return new Operation<boolean>({
    kind: 'rmw',
    label: `try_get(${machine.frameName(ref.pfn)})`,
    drains: true,
    footprint: () => ({ reads: [count], writes: [count] }),
    apply: (memory) => {
      const held = memory.get(count)
      if (held === 0) return 0
      memory.set(count, held + 1)
      return 1
    },
    decode: (raw) => raw === 1,
    explain: (raw) => (raw === 1 ? 'counted' : 'count is 0'),
  })
}

/** The reference count as it is now. */
export function refCount(machine: Machine, ref: FrameRef): Operation<number> {
  const count = machine.count[machine.frameIndex(ref.pfn)]!
  return new Operation<number>({
    kind: 'load',
    label: `read refcount(${machine.frameName(ref.pfn)})`,
    footprint: () => ({ reads: [count] }),
    apply: (memory) => memory.get(count),
    decode: (raw) => raw,
    explain: String,
  })
}

/** `put_page()`: gives a reference back; who gives back the last one frees the frame. */
export function* putPage(machine: Machine, ref: FrameRef): Task<void> {
  const last = yield* putPageTestzero(machine, ref)
  if (last !== undefined) yield* freeFrame(machine, last)
}

/** `put_page_testzero()`: one locked decrement; the frame to free if the count is zero now. */
function putPageTestzero(machine: Machine, ref: FrameRef): Operation<FrameRef | undefined> {
  const frame = machine.frameIndex(ref.pfn)
  const known = machine.puts[frame]
  if (known !== undefined) return known
  const operation = testzero(machine, frame, ref)
  machine.puts[frame] = operation
  return operation
}

function testzero(machine: Machine, frame: number, ref: FrameRef): Operation<FrameRef | undefined> {
  const [owner, incarnation, count] = lifeCells(machine, frame) as [Cell, Cell, Cell]
  const name = machine.frameName(ref.pfn)
  return new Operation<FrameRef | undefined>({
    kind: 'rmw',
    label: `put_page(${name})`,
    drains: true,
    footprint: () => ({ reads: [owner, incarnation, count], writes: [count] }),
    apply: (memory) => {
      const held = memory.get(count)
      if (held === 0 || memory.get(owner) === 0) {
        memory.violate({
          property: 'reference validity',
          message: `the count of ${name} underflows`,
          cells: [count],
        })
        return 0
      }
      memory.set(count, held - 1)
      return held === 1 ? memory.get(incarnation) : 0
    },
    decode: (raw) => (raw === 0 ? undefined : { pfn: ref.pfn, incarnation: raw }),
    explain: (raw) => (raw === 0 ? '' : 'count is 0'),
  })
}
