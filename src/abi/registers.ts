/**
 * Where a call's words travel. Source: TLFS, "Hypercall interface", the x64 and x86 calling conventions.
 *
 * | | x64 memory | x64 fast | x64 XMM fast | x86-32 |
 * | --- | --- | --- | --- | --- |
 * | control | RCX | RCX | RCX | EDX:EAX |
 * | input | RDX = GPA | RDX, R8 | RDX, R8, XMM0..5 | EBX:ECX (GPA or bytes 0-7), EDI:ESI (bytes 8-15) |
 * | result | RAX | RAX | RAX | EDX:EAX |
 *
 * The register block is the memory image laid end to end: RDX, R8, XMM0.low, XMM0.high, ... XMM5.high, 112 bytes.
 */
import { u64, viewOf } from './bytes.ts'
import { CONTROL_FAST_BIT } from './control-word.ts'
import { type Decoded, decoded, undecodable } from './decoded.ts'
import type { EncodedCall } from './flush.ts'

/** Bytes of input that the plain fast form carries: RDX and R8. */
export const FAST_BYTES = 16
/** Bytes of input that the XMM fast form carries: RDX, R8 and six XMM registers. */
export const XMM_FAST_BYTES = 112

/** A 64-bit caller's registers at the hypercall instruction. `xmm` holds XMM0..5 as 12 words, low half first. */
export interface HypercallRegisters {
  readonly rcx: bigint
  readonly rdx: bigint
  readonly r8: bigint
  readonly xmm: readonly bigint[]
}

/** The registers of a memory-form call. */
export function memoryRegisters(control: bigint, inputGpa: bigint, outputGpa = 0n): HypercallRegisters {
  return { rcx: u64(control), rdx: u64(inputGpa), r8: u64(outputGpa), xmm: [] }
}

/** The registers of the fast form of a call; an error when the input exceeds 112 bytes. */
export function fastRegisters(call: EncodedCall): Decoded<HypercallRegisters> {
  const { bytes } = call
  if (bytes.length > XMM_FAST_BYTES) {
    return undecodable('too-large-for-registers', `${bytes.length} bytes of input do not fit in 112`, 112)
  }
  const block = new Uint8Array(XMM_FAST_BYTES)
  block.set(bytes)
  const view = viewOf(block)
  const xmm: bigint[] = []
  for (let at = FAST_BYTES; at < bytes.length; at += 8) xmm.push(view.getBigUint64(at, true))
  return decoded({
    rcx: u64(call.control) | CONTROL_FAST_BIT,
    rdx: view.getBigUint64(0, true),
    r8: view.getBigUint64(8, true),
    xmm,
  })
}

/** The 112 bytes of input that the registers of a fast call hold; registers that are not given read as 0. */
export function registerBlock(registers: HypercallRegisters): Uint8Array {
  const block = new Uint8Array(XMM_FAST_BYTES)
  const view = viewOf(block)
  view.setBigUint64(0, u64(registers.rdx), true)
  view.setBigUint64(8, u64(registers.r8), true)
  for (let k = 0; k < 12; k++) view.setBigUint64(16 + 8 * k, u64(registers.xmm[k] ?? 0n), true)
  return block
}

/** A 32-bit caller's general registers; each holds 32 bits. */
export interface HypercallRegisters32 {
  readonly eax: number
  readonly ebx: number
  readonly ecx: number
  readonly edx: number
  readonly esi: number
  readonly edi: number
}

/** A 32-bit caller's registers as the 64-bit convention would have them: EDX:EAX, EBX:ECX, EDI:ESI. */
export function widenRegisters(r: HypercallRegisters32, xmm: readonly bigint[] = []): HypercallRegisters {
  return { rcx: pair(r.edx, r.eax), rdx: pair(r.ebx, r.ecx), r8: pair(r.edi, r.esi), xmm }
}

/** The reverse of {@link widenRegisters}. */
export function narrowRegisters(r: HypercallRegisters): HypercallRegisters32 {
  return {
    eax: low(r.rcx),
    edx: high(r.rcx),
    ecx: low(r.rdx),
    ebx: high(r.rdx),
    esi: low(r.r8),
    edi: high(r.r8),
  }
}

/** The result word of a 32-bit caller: EDX:EAX. */
export function narrowResult(result: bigint): { readonly eax: number; readonly edx: number } {
  return { eax: low(result), edx: high(result) }
}

function pair(highWord: number, lowWord: number): bigint {
  return (BigInt(highWord >>> 0) << 32n) | BigInt(lowWord >>> 0)
}

function low(word: bigint): number {
  return Number(BigInt.asUintN(32, word))
}

function high(word: bigint): number {
  return Number(BigInt.asUintN(32, word >> 32n))
}
