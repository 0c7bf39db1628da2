/** Page frames as scenarios declare them, and who they belong to (MACHINE 5.1). */
import type { Level } from './entries.ts'

/** A page frame of the scenario, and what it may be used for. */
export interface FrameSpec {
  /** For diagrams: `T`, `X`. */
  readonly name: string
  /** Levels at which it may serve as a page-table page; none by default. */
  readonly table?: readonly Level[]
  /** Initial owner; free by default. */
  readonly owner?: Owner
  /** A frame that begins as a table may be mapped as data too: looks at who uses it then depend on every CPU's CPL. */
  readonly data?: boolean
  /** Initial reference count. */
  readonly count?: number
}

/** Who a frame belongs to. `space` is an mm, or a shared file range. */
export type Owner =
  | { readonly use: 'free' }
  | { readonly use: 'table'; readonly level: Level; readonly space: string }
  | { readonly use: 'data'; readonly space: string }

export const FREE: Owner = { use: 'free' }
