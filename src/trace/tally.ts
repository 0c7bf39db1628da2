/** Counts by key, for at most a bounded number of keys: what comes after them is counted under one of its own. */
export class Tally<K> {
  readonly #counts = new Map<K, number>()
  readonly #limit: number
  readonly #rest: K

  /** @param rest the key under which further keys are counted when there are already `limit` */
  constructor(rest: K, limit = 10_000) {
    this.#rest = rest
    this.#limit = limit
  }

  /** Counts `n` more of `key`. */
  add(key: K, n = 1): void {
    const known = this.#counts.get(key)
    if (known !== undefined) this.#counts.set(key, known + n)
    else if (this.#counts.size < this.#limit) this.#counts.set(key, n)
    else this.#counts.set(this.#rest, (this.#counts.get(this.#rest) ?? 0) + n)
  }

  get(key: K): number {
    return this.#counts.get(key) ?? 0
  }

  get size(): number {
    return this.#counts.size
  }

  get total(): number {
    let total = 0
    for (const n of this.#counts.values()) total += n
    return total
  }

  /** Keys with their counts, the most frequent first. */
  byCount(): readonly (readonly [K, number])[] {
    return [...this.#counts].sort(([, a], [, b]) => b - a)
  }

  /** Keys with their counts, in the order of the keys. */
  byKey(): readonly (readonly [K, number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.byKey().map(([key, n]) => [String(key), n]))
  }
}

/** The number of CPUs in a mask. */
export function weight(mask: bigint): number {
  let n = 0
  for (let rest = mask; rest > 0n; rest &= rest - 1n) n++
  return n
}
