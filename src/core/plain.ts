/**
 * Plain values: what threads may observe, pass to each other and return. They have no identity of their own, so
 * equal values give equal histories, and histories can be merged.
 */

import { mayLearn } from './learning.ts'

/** A thing with an identity that is made once, when a scenario is built: a vCPU, an mm, a lock. */
export interface Handle {
  /** Unique within the process; never shown to users. */
  readonly handleId: number
}

/** Immutable data without identity. `Handle`s inside are compared by identity. */
export type Plain =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Handle
  | readonly Plain[]
  | { readonly [key: string]: Plain }

let lastHandleId = 0

/** A fresh id for a {@link Handle}. */
export function newHandleId(): number {
  lastHandleId += 1
  return lastHandleId
}

const functionIds = new WeakMap<object, number>()

/** A stable id for a function, so that calls of the same function with equal arguments are recognised. */
export function functionId(fn: object): number {
  let id = functionIds.get(fn)
  if (id === undefined) {
    id = newHandleId()
    functionIds.set(fn, id)
  }
  return id
}

/**
 * A string that is equal exactly for equal plain values.
 *
 * Functions are compared by identity, as handles are.
 *
 * @throws TypeError for a value that is not plain (a symbol, an object with a class of its own and no handle id).
 */
export function canonicalKey(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'u'
    case 'boolean':
      return value ? 't' : 'f'
    case 'number':
      return Object.is(value, -0) ? 'n-0' : `n${value}`
    case 'bigint':
      return `b${value}`
    case 'string':
      return JSON.stringify(value)
    case 'object':
      return value === null ? '0' : objectKey(value)
    case 'function':
      return `f${functionId(value)}`
    default:
      throw new TypeError(`a ${typeof value} is not a plain value`)
  }
}

function objectKey(value: object): string {
  if ('handleId' in value && typeof value.handleId === 'number') return `#${value.handleId}`
  if (Array.isArray(value)) return `[${value.map(canonicalKey).join(',')}]`
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an object of class ${value.constructor?.name ?? '?'} is not a plain value`)
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalKey(item)}`).join(',')}}`
}

/** Numbers plain values exactly, in the order in which they are first met; id 0 is the value given first. */
export class Interner<T = unknown> {
  private readonly ids = new Map<string, number>()
  private readonly values: T[] = []
  /** Objects that have been numbered: plain values do not change. */
  private readonly known = new WeakMap<object, number>()

  /** The id of a value, given to it now if it has none. */
  id(value: T): number {
    if (typeof value === 'object' && value !== null) {
      const known = this.known.get(value)
      if (known !== undefined) return known
    }
    const key = canonicalKey(value)
    let id = this.ids.get(key)
    if (id === undefined) {
      mayLearn()
      id = this.values.length
      this.ids.set(key, id)
      this.values.push(value)
    }
    if (typeof value === 'object' && value !== null) this.known.set(value, id)
    return id
  }

  /** The value of an id. */
  value(id: number): T {
    if (id >= this.values.length) throw new RangeError(`no value with id ${id}`)
    return this.values[id] as T
  }

  get size(): number {
    return this.values.length
  }
}

/** As diagrams print it. */
export function showPlain(value: Plain): string {
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value, bigintAsHex)
    : String(bigintAsHex('', value))
}

function bigintAsHex(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value
}
