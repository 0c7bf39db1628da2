/** Arithmetic and flags, as the processor has them. */
import type { ArithmeticKind, ConditionCode, UnaryKind } from './ast.ts'
import type { Width } from './registers.ts'

export interface Flags {
  readonly zero: boolean
  readonly sign: boolean
  readonly carry: boolean
  readonly overflow: boolean
}

/** How a thread starts. */
export const NO_FLAGS: Flags = { zero: false, sign: false, carry: false, overflow: false }

export interface Computed {
  readonly value: bigint
  readonly flags: Flags
}

function negative(value: bigint, width: Width): boolean {
  return ((value >> BigInt(width - 1)) & 1n) === 1n
}

function logical(value: bigint, width: Width): Computed {
  const bits = BigInt.asUintN(width, value)
  return {
    value: bits,
    flags: { zero: bits === 0n, sign: negative(bits, width), carry: false, overflow: false },
  }
}

export function add(a: bigint, b: bigint, width: Width): Computed {
  const sum = a + b
  const value = BigInt.asUintN(width, sum)
  const overflow = negative(a, width) === negative(b, width) && negative(value, width) !== negative(a, width)
  return {
    value,
    flags: { zero: value === 0n, sign: negative(value, width), carry: sum !== value, overflow },
  }
}

/** a - b. */
export function subtract(a: bigint, b: bigint, width: Width): Computed {
  const value = BigInt.asUintN(width, a - b)
  const overflow = negative(a, width) !== negative(b, width) && negative(value, width) !== negative(a, width)
  return { value, flags: { zero: value === 0n, sign: negative(value, width), carry: a < b, overflow } }
}

/** Flags of `test`. */
export function conjunction(a: bigint, b: bigint, width: Width): Computed {
  return logical(a & b, width)
}

/** `to = to OP from`, both as unsigned numbers of the width. A shift by 0 leaves the flags alone. */
export function arithmetic(
  kind: ArithmeticKind,
  to: bigint,
  from: bigint,
  width: Width,
  flags: Flags,
): Computed {
  switch (kind) {
    case 'add':
      return add(to, from, width)
    case 'sub':
      return subtract(to, from, width)
    case 'and':
      return logical(to & from, width)
    case 'or':
      return logical(to | from, width)
    case 'xor':
      return logical(to ^ from, width)
    case 'shl':
    case 'shr':
    case 'sar':
      return shift(kind, to, from & (width === 64 ? 63n : 31n), width, flags)
  }
}

function shift(
  kind: 'shl' | 'shr' | 'sar',
  value: bigint,
  count: bigint,
  width: Width,
  flags: Flags,
): Computed {
  if (count === 0n) return { value, flags }
  const signed = BigInt.asIntN(width, value)
  const shifted = kind === 'shl' ? value << count : kind === 'shr' ? value >> count : signed >> count
  const result = logical(shifted, width)
  const carry = kind === 'shl' ? (shifted >> BigInt(width)) & 1n : (signed >> (count - 1n)) & 1n
  const overflow = kind === 'shl' && result.flags.sign !== (carry === 1n)
  return { value: result.value, flags: { ...result.flags, carry: carry === 1n, overflow } }
}

/** `inc` and `dec` leave the carry alone; `not` leaves all flags alone. */
export function unary(kind: UnaryKind, value: bigint, width: Width, flags: Flags): Computed {
  switch (kind) {
    case 'inc':
    case 'dec': {
      const result = kind === 'inc' ? add(value, 1n, width) : subtract(value, 1n, width)
      return { value: result.value, flags: { ...result.flags, carry: flags.carry } }
    }
    case 'neg':
      return subtract(0n, value, width)
    case 'not':
      return { value: BigInt.asUintN(width, ~value), flags }
  }
}

export function holds(code: ConditionCode, { zero, sign, carry, overflow }: Flags): boolean {
  switch (code) {
    case 'e':
      return zero
    case 'ne':
      return !zero
    case 'l':
      return sign !== overflow
    case 'ge':
      return sign === overflow
    case 'le':
      return zero || sign !== overflow
    case 'g':
      return !zero && sign === overflow
    case 'b':
      return carry
    case 'ae':
      return !carry
    case 'be':
      return carry || zero
    case 'a':
      return !carry && !zero
    case 's':
      return sign
    case 'ns':
      return !sign
    case 'o':
      return overflow
    case 'no':
      return !overflow
  }
}
