/**
 * Operations that are the same each time, made once. They have no state, so that anybody may yield them again; whoever runs
 * millions of them a second does not want to make each of them anew.
 */
import { Operation } from '../core/operation.ts'

export class Made<K> {
  private readonly operations = new Map<K, Operation<unknown>>()
  private readonly most: number

  /** @param most - how many are kept at most: keys may be many */
  constructor(most = 1024) {
    this.most = most
  }

  /** The operation of a key: the same key must always mean the same operation. */
  of<T>(key: K, make: () => Operation<T>): Operation<T> {
    const known = this.operations.get(key)
    if (known !== undefined) return known as Operation<T>
    if (this.operations.size >= this.most) this.operations.clear()
    const made = make()
    this.operations.set(key, made as Operation<unknown>)
    return made
  }
}

/** Those of a site, of several that have some. */
export function madeAt<S, K>(sites: Map<S, Made<K>>, site: S, most?: number): Made<K> {
  let made = sites.get(site)
  if (made === undefined) {
    made = new Made(most)
    sites.set(site, made)
  }
  return made
}

/** In place of what is there for checks only, which a machine under a clock leaves out. */
export const UNCHECKED: Operation<void> = new Operation<void>({ kind: 'local', label: 'nothing to check' })

/** The operations on one variable that are made once. */
export class MadeOperations {
  load: Operation<unknown> | undefined = undefined
  vcpuState: Operation<unknown> | undefined = undefined
  /** Stores of the raw value 0, and of the one that was stored last. */
  clear: Operation<void> | undefined = undefined
  store: Operation<void> | undefined = undefined
  stored = 0
  /** Of a lock, by the site. */
  locks: Made<string> | undefined = undefined
  unlocks: Made<string | undefined> | undefined = undefined
  /** The last read-modify-write, and what it does. */
  rmw: Operation<unknown> | undefined = undefined
  update: unknown = undefined
  updateLabel: string | undefined = undefined
  /** The last exchanges: by what was stored, and if what was found. */
  xchg: Operation<unknown> | undefined = undefined
  exchanged: unknown = undefined
  cmpxchg: Operation<unknown> | undefined = undefined
  wanted = 0
  replacement = 0
  /** The wait for it, where there is one way to wait. */
  wait: Operation<void> | undefined = undefined
}
