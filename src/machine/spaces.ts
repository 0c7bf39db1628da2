/** Address spaces as the machine sees them: what has been promised about them, and walks of them (MACHINE 5.2, 5.4). */
import type { Handle, Plain } from '../core/plain.ts'
import type { FrameRef } from './entries.ts'
import type { Variable } from './variables.ts'

/** An address space as the machine sees it: a root table, and what has been promised about its tracked addresses. */
export interface AddressSpace extends Handle {
  readonly name: string
  readonly root: FrameRef
  /** Per tracked address (MACHINE 5.4). */
  readonly promises: readonly Variable<Promised>[]
}

/** What an operation promised when it returned: the only frames and permissions still in use. */
export interface Promised {
  readonly [key: string]: Plain
  readonly frames: 'any' | readonly FrameRef[]
  readonly writable: boolean
}

export const ANYTHING: Promised = { frames: 'any', writable: true }

/** A software walk under way: every frame that its address has translated to since it began (MACHINE 5.2). */
export interface Lookup {
  readonly [key: string]: Plain
  readonly space: string
  readonly va: number
  readonly frames: readonly FrameRef[]
}
