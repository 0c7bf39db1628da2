/** The worked examples of the interface: what a caller puts where, byte for byte. */
import type { FlushInput, IpiInput } from '../../src/abi/index.ts'

/** Parses rows as a hex dump prints them. */
export function dump(...rows: readonly string[]): Uint8Array {
  const digits = rows.flatMap((row) => row.replace(/^[0-9a-f]{4} {2}/, '').split(/\s+/))
  return Uint8Array.from(digits.filter((d) => d !== '').map((d) => Number.parseInt(d, 16)))
}

export interface Example {
  readonly name: string
  readonly input: FlushInput | IpiInput
  readonly control: bigint
  readonly bytes: Uint8Array
}

const ALL_SPACES = 2n

export const EXAMPLES: readonly Example[] = [
  {
    name: 'E1 flush every address space on VP 2',
    input: { call: 'space', addressSpace: 0n, flags: ALL_SPACES, processorMask: 4n },
    control: 0x0000000000000002n,
    bytes: dump('0000  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00', '0010  04 00 00 00 00 00 00 00'),
  },
  {
    name: 'E2 flush the non-global entries of one CR3 everywhere',
    input: { call: 'space', addressSpace: 0x1234000n, flags: 5n, processorMask: 0n },
    control: 0x0000000000000002n,
    bytes: dump('0000  00 40 23 01 00 00 00 00 05 00 00 00 00 00 00 00', '0010  00 00 00 00 00 00 00 00'),
  },
  {
    name: 'E3 one page on VPs 0, 4 and 6',
    input: {
      call: 'list',
      addressSpace: 0x1234000n,
      flags: 0n,
      processorMask: 0x51n,
      gvaList: [0x7f0012345000n],
    },
    control: 0x0000000100000003n,
    bytes: dump(
      '0000  00 40 23 01 00 00 00 00 00 00 00 00 00 00 00 00',
      '0010  51 00 00 00 00 00 00 00 00 50 34 12 00 7f 00 00',
    ),
  },
  {
    name: 'E4 6145 pages on VP 3, in two ranges',
    input: {
      call: 'list',
      addressSpace: 0x1234000n,
      flags: 0n,
      processorMask: 8n,
      gvaList: [0x7f0000000fffn, 0x7f0001000800n],
    },
    control: 0x0000000200000003n,
    bytes: dump(
      '0000  00 40 23 01 00 00 00 00 00 00 00 00 00 00 00 00',
      '0010  08 00 00 00 00 00 00 00 ff 0f 00 00 00 7f 00 00',
      '0020  00 08 00 01 00 7f 00 00',
    ),
  },
  {
    name: 'E5 every address space on VPs 0, 5 and 130, two banks',
    input: {
      call: 'space-ex',
      addressSpace: 0n,
      flags: ALL_SPACES,
      vpSet: { format: 0n, validBankMask: 5n, banks: [0x21n, 4n] },
    },
    control: 0x0000000000040013n,
    bytes: dump(
      '0000  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0010  00 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00',
      '0020  21 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00',
    ),
  },
  {
    name: 'E6 one page on VP 65',
    input: {
      call: 'list-ex',
      addressSpace: 0n,
      flags: ALL_SPACES,
      vpSet: { format: 0n, validBankMask: 2n, banks: [2n] },
      gvaList: [0x7f00deadb000n],
    },
    control: 0x0000000100020014n,
    bytes: dump(
      '0000  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0010  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0020  02 00 00 00 00 00 00 00 00 b0 ad de 00 7f 00 00',
    ),
  },
  {
    name: 'E7 two ranges on VPs 2 and 65',
    input: {
      call: 'list-ex',
      addressSpace: 0n,
      flags: ALL_SPACES,
      vpSet: { format: 0n, validBankMask: 3n, banks: [4n, 2n] },
      gvaList: [0x400002n, 0x7ffff7dd0000n],
    },
    control: 0x0000000200040014n,
    bytes: dump(
      '0000  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0010  00 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00',
      '0020  04 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0030  02 00 40 00 00 00 00 00 00 00 dd f7 ff 7f 00 00',
    ),
  },
  {
    name: 'E8 every VP by set format',
    input: {
      call: 'space-ex',
      addressSpace: 0n,
      flags: ALL_SPACES,
      vpSet: { format: 1n, validBankMask: 0n, banks: [] },
    },
    control: 0x0000000000000013n,
    bytes: dump(
      '0000  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00',
      '0010  01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    ),
  },
  {
    name: 'E11 extended ranges: 2048 x 4 KiB, 3 x 2 MiB, 1 x 1 GiB',
    input: {
      call: 'list',
      addressSpace: 0n,
      flags: 0xan,
      processorMask: 1n,
      gvaList: [0x7f00000007ffn, 0x7f0000200802n, 0x7f0040001800n],
    },
    control: 0x0000000300000003n,
    bytes: dump(
      '0000  00 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00',
      '0010  01 00 00 00 00 00 00 00 ff 07 00 00 00 7f 00 00',
      '0020  02 08 20 00 00 7f 00 00 00 18 00 40 00 7f 00 00',
    ),
  },
  {
    name: 'E13 cluster IPI to VP 2',
    input: { call: 'ipi', vector: 0xfe, targetVtl: 0, reserved: 0, processorMask: 4n },
    control: 0x000000000000000bn,
    bytes: dump('0000  fe 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00'),
  },
  {
    name: 'E14 cluster IPI to VPs 2 and 65',
    input: {
      call: 'ipi-ex',
      vector: 0xfe,
      targetVtl: 0,
      reserved: 0,
      vpSet: { format: 0n, validBankMask: 3n, banks: [4n, 2n] },
    },
    control: 0x0000000000040015n,
    bytes: dump(
      '0000  fe 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
      '0010  03 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00',
      '0020  02 00 00 00 00 00 00 00',
    ),
  },
]
