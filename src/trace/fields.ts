/** The name of a field, as words of four bytes, so that it is compared with a line in one or two steps. */
export class Field {
  readonly name: string
  readonly length: number
  readonly bytes: Uint8Array
  /** Bytes 0 to 3 and 4 to 7, and which bits of them count. */
  readonly head: number
  readonly headMask: number
  readonly next: number
  readonly nextMask: number

  constructor(name: string) {
    this.name = name
    this.bytes = Buffer.from(name)
    this.length = this.bytes.length
    this.head = word(this.bytes, 0)
    this.headMask = mask(this.length)
    this.next = word(this.bytes, 4)
    this.nextMask = mask(this.length - 4)
  }
}

function word(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 3; i >= 0; i--) value = (value << 8) | (bytes[at + i] ?? 0)
  return value
}

function mask(length: number): number {
  if (length <= 0) return 0
  return length >= 4 ? -1 : (1 << (length * 8)) - 1
}

const NAMES = [
  'a0',
  'a1',
  'a2',
  'a3',
  'addr',
  'address',
  'address_space',
  'args',
  'batch',
  'behavior',
  'callback',
  'callsite',
  'child_pid',
  'clone_flags',
  'cnt',
  'code',
  'cpu',
  'cpumask',
  'csd',
  'dest_cpu',
  'end',
  'error_code',
  'filename',
  'flags',
  'flushing',
  'format',
  'freed',
  'func',
  'gen',
  'idx',
  'in',
  'len',
  'len_in',
  'mask',
  'mm',
  'ncpus',
  'need_flush_tlb',
  'new_len',
  'next_comm',
  'next_pid',
  'nr',
  'old_len',
  'old_pid',
  'op',
  'orig_cpu',
  'out',
  'pages',
  'pid',
  'prev_comm',
  'prev_pid',
  'prev_state',
  'processor_mask',
  'prot',
  'rep_cnt',
  'req',
  'result',
  'ret',
  'space',
  'start',
  'stride',
  'target_mask',
  'time',
  'valid_bank_mask',
  'var_cnt',
  'vcpu',
  'vector',
] as const

/** Every field that a parser asks for, by its name in the kernel. */
export const FIELD = Object.fromEntries(NAMES.map((name) => [name, new Field(name)])) as {
  readonly [K in (typeof NAMES)[number]]: Field
}
