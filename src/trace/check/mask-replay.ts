import type { MachineReplay } from './machine-replay.ts'

/** Which CPUs have an address space loaded, around the moment when a flush looks. */
export interface MaskAround {
  /** Nominally, at the later line. */
  readonly mask: bigint
  /** CPUs of which it is not known. */
  readonly unknown: bigint
  /** CPUs that may have been out of the mask, or in it, at some time between the lines. */
  readonly mayBeOut: bigint
  readonly mayBeIn: bigint
  /** Nothing hangs on the unknown ones: another CPU is surely in the mask. */
  readonly certain: boolean
  /** Lines of the context switches between. */
  readonly changes: readonly number[]
}

/** `mm_cpumask` as replayed: a CPU is in it from loading the address space until it loads another, lazy or not. */
export function maskAround(replay: MachineReplay, mm: string, from: number, to: number): MaskAround {
  let [mask, unknown, mayBeOut, mayBeIn] = [0n, 0n, 0n, 0n]
  const changes: number[] = []
  const fresh = replay.spaces.freshNamed(mm)
  replay.cpus.forEach((cpu, number) => {
    const bit = 1n << BigInt(number)
    const view = cpu.at(to)
    // What a CPU has had loaded since before the address space began is another.
    const isOlder = view.space === undefined && cpu.since(to) < (fresh?.born ?? 0)
    const now = isOlder ? false : replay.spaces.isNamed(view.space, mm)
    if (now === true) mask |= bit
    if (now === undefined) unknown |= bit
    for (const { view, since } of cpu.during(from, to)) {
      const loaded = replay.spaces.isNamed(view.space, mm)
      if (loaded !== true) mayBeOut |= bit
      if (loaded !== false) mayBeIn |= bit
      if (since >= from) changes.push(since)
    }
  })
  return { mask, unknown, mayBeOut, mayBeIn, certain: false, changes: changes.slice(0, 4) }
}

/** A mask's CPUs: `1, 3`. */
export function cpusOfMask(mask: bigint): string {
  const cpus: number[] = []
  for (let cpu = 0, rest = mask; rest > 0n; cpu++, rest >>= 1n) if ((rest & 1n) === 1n) cpus.push(cpu)
  return cpus.length === 0 ? 'none' : cpus.join(', ')
}
