/** Sets of CPUs, as the kernel's cpumasks: built, listed, shown, and loaded from a flag of each CPU. */
import type { Cell, Permutation } from '../core/cells.ts'
import { type Memory, Operation } from '../core/operation.ts'
import { Interner } from '../core/plain.ts'
import { Made } from './made.ts'
import type { Variable } from './variables.ts'

/** A set of CPUs: bit i stands for CPU i. */
export type CpuMask = bigint

/** Sets of more CPUs than fit into a raw value, by number. */
const wideMasks = new Interner<bigint>()
const NARROW = 30

const maskLoads = new WeakMap<readonly Variable<number>[], Made<string>>()

/** A plain load of flags that stand in one word, or that one loop reads without anything between, as a mask. */
export function loadMask(flags: readonly Variable<number>[], name: string): Operation<CpuMask> {
  let made = maskLoads.get(flags)
  if (made === undefined) {
    made = new Made()
    maskLoads.set(flags, made)
  }
  return made.of(name, () => maskLoad(flags, name))
}

function maskLoad(flags: readonly Variable<number>[], name: string): Operation<CpuMask> {
  const cells = flags.map((flag) => flag.cell)
  const narrow = flags.length <= NARROW
  if (!narrow && flags[0]?.timed === true) return loadTimedMask(cells, name)
  const decode = (raw: number) => (narrow ? BigInt(raw) : wideMasks.value(raw))
  return new Operation<CpuMask>({
    kind: 'load',
    label: `read ${name}`,
    footprint: () => ({ loads: cells }),
    apply: (memory) => (narrow ? narrowMask(memory, cells) : wideMasks.id(wideMask(memory, cells))),
    decode,
    explain: (raw) => showMask(decode(raw)),
  })
}

/** The same where a mask is decoded right after it has been read. */
function loadTimedMask(cells: readonly Cell[], name: string): Operation<CpuMask> {
  let mask = 0n
  return new Operation<CpuMask>({
    kind: 'load',
    label: name,
    footprint: () => ({ loads: cells }),
    apply: (memory) => {
      mask = wideMask(memory, cells)
      return 0
    },
    decode: () => mask,
  })
}

function narrowMask(memory: Memory, cells: readonly Cell[]): number {
  let mask = 0
  for (let i = 0; i < cells.length; i++) if (memory.load(cells[i]!) !== 0) mask |= 1 << i
  return mask
}

function wideMask(memory: Memory, cells: readonly Cell[]): bigint {
  let mask = 0n
  for (let from = cells.length - (cells.length % NARROW); from >= 0; from -= NARROW) {
    let part = 0
    for (let i = Math.min(NARROW, cells.length - from) - 1; i >= 0; i--) {
      part = (part << 1) | (memory.load(cells[from + i]!) !== 0 ? 1 : 0)
    }
    mask = (mask << BigInt(NARROW)) | BigInt(part)
  }
  return mask
}

/** CPUs of masks that have been asked for; so many are remembered. */
const cpusByMask = new Map<CpuMask, readonly number[]>()
const REMEMBERED = 1024

/** The CPUs of a mask, ascending. */
export function cpusOf(mask: CpuMask): readonly number[] {
  let cpus = cpusByMask.get(mask)
  if (cpus === undefined) {
    if (cpusByMask.size >= REMEMBERED) cpusByMask.clear()
    cpus = listCpus(mask)
    cpusByMask.set(mask, cpus)
  }
  return cpus
}

function listCpus(mask: CpuMask): number[] {
  const cpus: number[] = []
  for (let from = 0, rest = mask; rest !== 0n; from += NARROW, rest >>= BigInt(NARROW)) {
    for (let part = Number(BigInt.asUintN(NARROW, rest)), cpu = from; part !== 0; cpu++, part >>>= 1) {
      if (part & 1) cpus.push(cpu)
    }
  }
  return cpus
}

/** A mask after a permutation of CPUs. */
export function renamedMask(mask: CpuMask, permutation: Permutation): CpuMask {
  return cpusOf(mask).reduce((all, cpu) => all | cpuBit(permutation[cpu] ?? cpu), 0n)
}

const BITS: CpuMask[] = []

/** The mask of one CPU. */
export function cpuBit(cpu: number): CpuMask {
  let bit = BITS[cpu]
  if (bit === undefined) {
    for (let next = BITS.length; next <= cpu; next++) BITS.push(1n << BigInt(next))
    bit = BITS[cpu] as CpuMask
  }
  return bit
}

/** `{0,2}`. */
export function showMask(mask: CpuMask): string {
  return `{${cpusOf(mask).join(',')}}`
}
