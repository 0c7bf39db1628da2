/**
 * Bytes as people have them: a dump by `hexdump -C`, `xxd`, `hexdump`, gdb's `x/gx` or crash's `rd`, plain hex digits,
 * or the bytes themselves.
 *
 * | printed by | a row | order |
 * | --- | --- | --- |
 * | `hexdump -C`, `od -A x -t x1` | `00000000  00 40 23 01 ...  \|.@#.\|` | bytes |
 * | `xxd`, `xxd -g1` | `00000000: 0040 2301 ...  .@#.` | bytes |
 * | `hexdump`, `hexdump -x` | `0000000 4000 0123 ...` | 16-bit little-endian words |
 * | gdb `x/8gx`, `x/8wx` | `0x7f00:	0x0000000001234000 ...` | words of the width printed |
 * | crash `rd` | `ffff888003f1d000:  0000000001234000 ...` | 64-bit words |
 */
import { UsageError } from '../core/errors.ts'

/** Reads whatever a file or standard input holds: raw bytes when it is no text, else a dump or hex digits. */
export function bytesOfContent(content: Uint8Array, name: string): Uint8Array {
  if (content.length === 0) throw new UsageError(`${name} is empty; give the input bytes as hex or as a dump`)
  if (content.some((byte) => byte > 0x7e || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)))
    return content
  return bytesOfText(new TextDecoder().decode(content), name)
}

/** Reads a dump or hex digits. */
export function bytesOfText(text: string, name: string): Uint8Array {
  const lines = text.split(/\r?\n/)
  const rows = lines
    .map((line, at) => rowOf(line, at, `${name} line ${at + 1}`))
    .filter((row) => row !== null)
  if (rows.length > 0 && rows.every((row) => row.kind !== 'digits')) return joinRows(rows, name)
  return plainHex(text, name)
}

type Row =
  | {
      readonly kind: 'data'
      readonly offset: bigint
      readonly bytes: readonly number[]
      readonly where: string
    }
  /** `*`: the row before is repeated up to the next offset. */
  | { readonly kind: 'repeat'; readonly where: string }
  /** No dump: hex digits without an offset. */
  | { readonly kind: 'digits' }

/** One line of a dump; `null` for an empty one. A lone offset ends a dump, so it is none in the first line. */
function rowOf(line: string, at: number, where: string): Row | null {
  const text = line.trim()
  if (text === '') return null
  if (text === '*') return { kind: 'repeat', where }
  const [, address = '', colon = '', rest = ''] =
    /^((?:0x)?[0-9a-fA-F]+)(?: <[^>]*>)?(:?)(.*)$/.exec(text) ?? []
  const isRow =
    colon === ':' ||
    (/^[0-9a-fA-F]{4,8}$/.test(address) && /^\s+[0-9a-fA-F]{2}(\s|$)/.test(rest)) ||
    (/^[0-9a-fA-F]{7,8}$/.test(address) && /^\s+[0-9a-fA-F]{4}(\s|$)/.test(rest)) ||
    (/^[0-9a-fA-F]{4,8}$/.test(address) && rest.trim() === '' && at > 0)
  if (!isRow) return { kind: 'digits' }
  const offset = BigInt(`0x${address.replace(/^0x/, '')}`)
  return { kind: 'data', offset, bytes: groupsOf(address, colon, rest, where), where }
}

function groupsOf(address: string, colon: string, rest: string, where: string): number[] {
  // The character column starts at `|`, or behind two spaces where groups have one between them.
  const body = rest.replace(/\|.*$/, '').trimStart()
  const hexColumn = colon === ':' ? (body.split(/\s{2,}/)[0] ?? '') : body
  const groups = hexColumn.split(/\s+/).filter((group) => group !== '')
  const wordsByPrefix = groups.some((group) => group.startsWith('0x'))
  const crash = colon === ':' && address.replace(/^0x/, '').length > 8
  const hexdump = colon === '' && groups.every((group) => group.length === 4)
  const little = wordsByPrefix || crash || hexdump
  return groups.flatMap((group) => groupBytes(group.replace(/^0x/, ''), little, where))
}

function groupBytes(digits: string, little: boolean, where: string): number[] {
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) {
    throw new UsageError(`${where}: "${digits}" is not hex bytes; whole bytes of two hex digits are needed`)
  }
  const bytes = digits.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? []
  return little ? bytes.reverse() : bytes
}

function joinRows(rows: readonly Row[], name: string): Uint8Array {
  const out: number[] = []
  let start: bigint | null = null
  let previous: readonly number[] = []
  let repeats = false
  for (const row of rows) {
    if (row.kind === 'digits') continue
    if (row.kind === 'repeat') {
      repeats = true
      continue
    }
    start ??= row.offset
    const gap = row.offset - start - BigInt(out.length)
    if (gap !== 0n && !(repeats && gap > 0n && gap <= 0x10_0000n && previous.length > 0)) {
      throw new UsageError(`${row.where}: the offset jumps; rows must follow each other`)
    }
    while (repeats && out.length < Number(row.offset - start))
      out.push(previous[out.length % previous.length] ?? 0)
    repeats = false
    out.push(...row.bytes)
    if (row.bytes.length > 0) previous = row.bytes
  }
  if (out.length === 0) throw new UsageError(`${name} holds no bytes`)
  return Uint8Array.from(out)
}

function plainHex(text: string, name: string): Uint8Array {
  const digits = text.replace(/0x/gi, '').replace(/[\s,]+/g, '')
  const bad = /[^0-9a-fA-F]/.exec(digits)
  if (bad !== null)
    throw new UsageError(`${name}: "${bad[0]}" is no hex digit; hex bytes or a hex dump are needed`)
  if (digits.length % 2 !== 0)
    throw new UsageError(`${name}: ${digits.length} hex digits make no whole bytes`)
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Rows as `hexdump -C` prints them, without the character column. */
export function hexDump(bytes: Uint8Array): string[] {
  const rows: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const digits = [...bytes.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0'))
    rows.push(
      `${at.toString(16).padStart(8, '0')}  ${digits.slice(0, 8).join(' ')}  ${digits.slice(8).join(' ')}`.trimEnd(),
    )
  }
  return rows
}

/** A 64-bit word in hex (with or without 0x) or, with `decimal`, as people write counts. */
export function parseWord(text: string, what: string): bigint {
  const digits = text.trim().replace(/^0x/i, '').replaceAll('_', '').replaceAll('`', '')
  if (!/^[0-9a-fA-F]{1,16}$/.test(digits)) {
    throw new UsageError(`${what} "${text}" is not a 64-bit word; up to 16 hex digits are needed`)
  }
  return BigInt(`0x${digits}`)
}

/** A small number, decimal or 0x. */
export function parseCount(text: string, what: string, max: number): number {
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text.trim()) ? Number(text) : Number.NaN
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new UsageError(`${what} "${text}" is not a number from 0 to ${max}`)
}

/** `0-3,65` as numbers, ascending. */
export function parseVpList(text: string, what: string): number[] {
  const vps = new Set<number>()
  for (const part of text.split(',')) {
    const [, from, to] = /^\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?$/.exec(part) ?? []
    const [first, last] = [Number(from), Number(to ?? from)]
    if (from === undefined || last > 4095 || first > last) {
      throw new UsageError(`${what} "${text}": VP numbers from 0 to 4095 like 0-3,65 are needed`)
    }
    for (let vp = first; vp <= last; vp++) vps.add(vp)
  }
  return [...vps].sort((a, b) => a - b)
}
