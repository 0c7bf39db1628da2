/** What operations promise when they return, and copies that must not lose writes (MACHINE 5.3, 5.4). */
import { Operation } from '../core/operation.ts'
import { checkPromise, union, usableFootprint } from './checks.ts'
import { FLAG, type FrameRef, type VirtualAddress } from './entries.ts'
import type { Machine } from './machine.ts'
import { UNCHECKED } from './made.ts'
import { type AddressSpace, ANYTHING, type Promised } from './spaces.ts'

/**
 * An operation returns with a promise about one tracked address of an address space: no CPU can use a translation outside it,
 * now or when it becomes able to use what it holds, until the next promise.
 */
export function promise(
  machine: Machine,
  space: AddressSpace,
  va: VirtualAddress,
  promised: Promised,
): Operation<void> {
  if (machine.timed) return UNCHECKED
  const index = machine.translations.tracked(va)
  const variable = index === undefined ? undefined : space.promises[index]
  return new Operation<void>({
    kind: 'promise',
    label: describePromise(machine, promised),
    footprint: () =>
      union(usableFootprint(machine, machine.cpus), {
        writes: variable === undefined ? [] : [variable.cell],
      }),
    apply: (memory) => {
      if (variable === undefined) return 0
      memory.set(variable.cell, variable.encode(promised))
      for (const cpu of machine.cpus) {
        if (machine.loadedSpace(memory, cpu) !== space) continue
        machine.translations.eachUsable(memory, cpu, {
          leaf: (frame, incarnation, va, flags) => {
            if (va === index) checkPromise(machine, memory, cpu, promised, { frame, incarnation, va, flags })
          },
        })
      }
      return 0
    },
  })
}

function describePromise(machine: Machine, { frames, writable }: Promised): string {
  if (frames === 'any') return writable ? 'anything goes' : 'promise: v is read-only'
  if (frames.length === 0) return 'promise: v is unmapped'
  return `promise: v is ${frames.map((ref) => machine.frameName(ref.pfn)).join(' or ')}${writable ? '' : ', read-only'}`
}

/** A new mapping begins: what was promised about the address no longer binds. */
export function withdrawPromise(machine: Machine, space: AddressSpace, va: VirtualAddress): Operation<void> {
  if (machine.timed) return UNCHECKED
  const index = machine.translations.tracked(va)
  const variable = index === undefined ? undefined : space.promises[index]
  return new Operation<void>({
    kind: 'local',
    label: 'anything goes',
    footprint: () => ({ writes: variable === undefined ? [] : [variable.cell] }),
    apply: (memory) => {
      if (variable !== undefined) memory.set(variable.cell, variable.encode(ANYTHING))
      return 0
    },
  })
}

/** What a copy and its commit look at. */
function copyFootprint(machine: Machine, frame: number) {
  if (machine.options.copies !== true)
    throw new RangeError('a machine in which frames are copied needs `copies: true`')
  return union(usableFootprint(machine, machine.cpus), {
    reads: machine.pins,
    writes: [machine.copied[frame]!],
  })
}

/** Can anybody write to a frame now: through a usable writable translation, or a returned pin? */
function writers(machine: Machine, memory: Parameters<Operation<void>['apply']>[0], frame: number): boolean {
  if (memory.get(machine.pins[frame]!) > 0) return true
  let found = false
  for (const cpu of machine.cpus) {
    machine.translations.eachUsable(memory, cpu, {
      leaf: (used, _, __, flags) => {
        if (used === frame && flags & FLAG.writable) found = true
      },
    })
  }
  return found
}

/** Copies a frame: from here on its source must not be written until the replacement is installed. */
export function copyFrame(machine: Machine, from: FrameRef, to: FrameRef): Operation<void> {
  const frame = machine.frameIndex(from.pfn)
  return new Operation<void>({
    kind: 'page',
    label: `copy ${machine.frameName(from.pfn)} to ${machine.frameName(to.pfn)}`,
    footprint: () => copyFootprint(machine, frame),
    apply: (memory) => {
      memory.set(machine.copied[frame]!, writers(machine, memory, frame) ? 2 : 1)
      return 0
    },
  })
}

/** The replacement of a copied frame is installed: property `lost write`. */
export function commitCopy(machine: Machine, from: FrameRef): Operation<void> {
  const frame = machine.frameIndex(from.pfn)
  const name = machine.frameName(from.pfn)
  return new Operation<void>({
    kind: 'page',
    label: `the copy replaces ${name}`,
    footprint: () => copyFootprint(machine, frame),
    apply: (memory) => {
      const written = memory.get(machine.copied[frame]!) === 2
      if (written || writers(machine, memory, frame)) {
        memory.violate({
          property: 'lost write',
          message: `the copy of ${name} is installed, but ${name} ${written ? 'could be written since it was copied' : 'can still be written'}`,
          cells: [machine.copied[frame]!],
        })
      }
      memory.set(machine.copied[frame]!, 0)
      return 0
    },
  })
}
