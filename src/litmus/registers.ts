/** Registers by all their names. */

/** Width of an access or of a register, in bits. */
export type Width = 8 | 16 | 32 | 64

/** A register, or the part of one that a name stands for. */
export interface Register {
  /** The 64-bit register's name: `rax`; for a symbolic register its own. */
  readonly full: string
  readonly width: Width
  /** 8 for `ah` and its like. */
  readonly shift: 0 | 8
  /** As it is printed in states: the name that was written, in small letters. */
  readonly name: string
}

const LEGACY = ['a', 'b', 'c', 'd']
const POINTERS = ['si', 'di', 'bp', 'sp']
const ORDER = [...LEGACY.map((l) => `r${l}x`), ...POINTERS.map((p) => `r${p}`)]
const NUMBERED = Array.from({ length: 8 }, (_, i) => `r${i + 8}`)
/** Registers of a fixed meaning that a test may name but no supported instruction touches. */
const SPECIAL = ['rip', 'cs', 'ds', 'es', 'fs', 'gs', 'ss']

const byName = new Map<string, Register>()
const order = new Map<string, number>()

function define(name: string, full: string, width: Width, shift: 0 | 8 = 0): void {
  byName.set(name, { full, width, shift, name })
}

for (const letter of LEGACY) {
  const full = `r${letter}x`
  define(full, full, 64)
  define(`e${letter}x`, full, 32)
  define(`${letter}x`, full, 16)
  define(`${letter}l`, full, 8)
  define(`${letter}h`, full, 8, 8)
}
for (const pointer of POINTERS) {
  const full = `r${pointer}`
  define(full, full, 64)
  define(`e${pointer}`, full, 32)
  define(pointer, full, 16)
  define(`${pointer}l`, full, 8)
}
for (const full of NUMBERED) {
  define(full, full, 64)
  define(`${full}d`, full, 32)
  define(`${full}w`, full, 16)
  define(`${full}b`, full, 8)
}
for (const name of SPECIAL) define(name, name, 64)
for (const [i, name] of [...ORDER, ...NUMBERED, ...SPECIAL].entries()) order.set(name, i)

/** The register of a name, in any case; undefined when it is none. */
export function registerOf(name: string): Register | undefined {
  return byName.get(name) ?? byName.get(name.toLowerCase())
}

/** herd's symbolic register: `%anything` that is no real one. */
export function symbolicRegister(name: string): Register {
  return { full: `%${name}`, width: 64, shift: 0, name: `%${name}` }
}

/** Registers in the order in which states list them. */
export function compareRegisters(a: Register, b: Register): number {
  const [one, two] = [order.get(a.full) ?? 1000, order.get(b.full) ?? 1000]
  return one - two || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** The values of a thread's registers; what was never written is 0. */
export type RegisterFile = Map<string, bigint>

export function readRegister(file: RegisterFile, { full, width, shift }: Register): bigint {
  return BigInt.asUintN(width, (file.get(full) ?? 0n) >> BigInt(shift))
}

/** Writing 32 bits clears the upper half; writing fewer leaves the others alone. */
export function writeRegister(file: RegisterFile, register: Register, value: bigint): void {
  const { full, width, shift } = register
  const bits = BigInt.asUintN(width, value)
  if (width >= 32) {
    file.set(full, bits)
    return
  }
  const mask = ((1n << BigInt(width)) - 1n) << BigInt(shift)
  file.set(full, ((file.get(full) ?? 0n) & ~mask) | (bits << BigInt(shift)))
}
