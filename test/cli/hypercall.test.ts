/** The real command line: files, standard input and arguments in, text and JSON out. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOfContent, bytesOfText, hexDump } from '../../src/cli/hex-input.ts'
import { UsageError } from '../../src/core/errors.ts'
import { EXAMPLES } from '../abi/examples.ts'

function shootdown(args: readonly string[], input?: string | Uint8Array) {
  const run = spawnSync('node_modules/.bin/node', ['src/cli/main.ts', 'hypercall', ...args], {
    input: input ?? '',
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  return { status: run.status, out: run.stdout, err: run.stderr }
}

function example(prefix: string) {
  const found = EXAMPLES.find((e) => e.name.startsWith(`${prefix} `))
  if (found === undefined) throw new Error(`no example ${prefix}`)
  return found
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const wordOf = (value: bigint) => `0x${value.toString(16)}`

/** `example` as other tools print it. */
const DUMPS: Readonly<Record<string, (bytes: Uint8Array) => string | Uint8Array>> = {
  'binary file': (bytes) => bytes,
  'plain hex': hexOf,
  'xxd -p': (bytes) =>
    `${hexOf(bytes)
      .match(/.{1,60}/g)
      ?.join('\n')}\n`,
  'hexdump -C': (bytes) =>
    `${hexDump(bytes).join('  |................|\n')}\n${bytes.length.toString(16).padStart(8, '0')}\n`,
  xxd: (bytes) =>
    rows(
      bytes,
      (at, row) => `${pad(at, 8)}: ${(hexOf(row).match(/.{1,4}/g) ?? []).join(' ').padEnd(39)}  ..1234...`,
    ),
  hexdump: (bytes) =>
    `${rows(bytes, (at, row) => `${pad(at, 7)} ${words(row, 2).join(' ')}`)}${pad(bytes.length, 7)}\n`,
  'gdb x/gx': (bytes) =>
    rows(
      bytes,
      (at, row) =>
        `0x7ffe${pad(at, 4)}:\t${words(row, 8)
          .map((w) => `0x${w}`)
          .join('\t')}`,
    ),
  'crash rd': (bytes) =>
    rows(bytes, (at, row) => `ffff8880${pad(at, 8)}:  ${words(row, 8).join(' ')}   .@#.....`),
}

function rows(bytes: Uint8Array, print: (at: number, row: Uint8Array) => string): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) lines.push(`${print(at, bytes.subarray(at, at + 16))}\n`)
  return lines.join('')
}

function pad(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

function words(row: Uint8Array, size: number): string[] {
  const out: string[] = []
  for (let at = 0; at < row.length; at += size) out.push(hexOf(row.slice(at, at + size).reverse()))
  return out
}

describe('dumps of other tools', () => {
  test.each(Object.entries(DUMPS))('%s is read', (_name, print) => {
    for (const { bytes } of EXAMPLES) {
      const printed = print(bytes)
      const content = typeof printed === 'string' ? new TextEncoder().encode(printed) : printed
      expect(hexOf(bytesOfContent(content, 'input'))).toBe(hexOf(bytes))
    }
  })

  test('rows that repeat are filled in', () => {
    const text = '00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00\n*\n00000030  01\n00000031\n'
    expect(bytesOfText(text, 'dump')).toEqual(Uint8Array.of(...Array(48).fill(0), 1))
  })

  test.each([
    ['00000000  00 0g', /line 1|hex/],
    ['00000000: 0040\n00000020: 0040', /line 2: the offset jumps/],
    ['004', /no whole bytes/],
    ['hello', /no hex digit/],
    ['00000000: 004 0', /whole bytes/],
  ])('%j is refused in one line', (text, message) => {
    expect(() => bytesOfText(text, 'dump')).toThrow(UsageError)
    expect(() => bytesOfText(text, 'dump')).toThrow(message)
  })
})

describe('shootdown hypercall decode', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hypercall-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('explains E7 from a file', () => {
    const { control, bytes } = example('E7')
    const file = join(folder, 'e7.bin')
    writeFileSync(file, bytes)
    const run = shootdown(['decode', '-c', wordOf(control), file])
    expect(run.err).toBe('')
    expect(run.status).toBe(0)
    expect(run.out).toMatchInlineSnapshot(`
      "control word  0x0000000200040014  HvFlushVirtualAddressListEx (list-ex)
        15:0      call code             0x14  HvFlushVirtualAddressListEx, rep call
        16        fast                  0     input in memory
        26:17     variable header size  2     16 bytes
        31        nested                0
        43:32     rep count             2     2 list elements
        59:48     rep start             0
        reserved  reserved bits         0x0

      input  64 bytes
        0000  AddressSpace      0x0                 ignored: ALL_VIRTUAL_ADDRESS_SPACES
        0008  Flags             0x2                 ALL_VIRTUAL_ADDRESS_SPACES
        0010  Format            0x0                 SPARSE_4K
        0018  ValidBankMask     0x3                 2 banks
        0020  Bank[0] = bank 0  0x4                 VP 2
        0028  Bank[1] = bank 1  0x2                 VP 65
        0030  Range[0]          0x0000000000400002  0x400000-0x402fff: 3 pages
        0038  Range[1]          0x00007ffff7dd0000  0x7ffff7dd0000-0x7ffff7dd0fff: 1 page

      asks for  VP 2, 65: 4 pages (0x400000-0x402fff, 0x7ffff7dd0000-0x7ffff7dd0fff) of every address space

      answers  (partition with VP 0-65, called from VP 0)
        tlfs     SUCCESS, 2 reps  RAX 0x0000000200000000
                 flushed
                 flushes what was asked
        kvm      SUCCESS, 2 reps  RAX 0x0000000200000000
                 queued for every target
                 flushes what was asked
        openvmm  SUCCESS, 2 reps  RAX 0x0000000200000000
                 flushed by the SNP backend
                 flushes VP 0-65: 4 pages (0x400000-0x402fff, 0x7ffff7dd0000-0x7ffff7dd0fff) of every address space
        xen      SUCCESS, 2 reps  RAX 0x0000000200000000
                 the whole TLB of every chosen vCPU
                 flushes VP 2, 65: everything of every address space
      "
    `)
  })

  test('takes a dump on standard input', () => {
    const { control, bytes } = example('E2')
    const run = shootdown(['decode', '-c', wordOf(control), '-'], hexDump(bytes).join('\n'))
    expect(run.out).toContain('NON_GLOBAL_MAPPINGS_ONLY')
    expect(run.status).toBe(0)
  })

  test('takes the registers of a fast call (E10)', () => {
    const run = shootdown([
      'decode',
      '-c',
      '0x100050014',
      '--r8',
      '2',
      '--xmm',
      '0,3,4,2,7f00deadb000',
      '--json',
    ])
    const doc = JSON.parse(run.out)
    expect(doc.asked).toEqual({
      vps: [2, 65],
      addressSpace: 'all',
      globals: 'flushed',
      pages: [{ start: '0x7f00deadb000', last: '0x7f00deadbfff', pages: 1 }],
    })
    expect(doc.profiles.map((p: { outcome: string }) => p.outcome)).toEqual([
      'SUCCESS, 1 rep',
      'SUCCESS, 1 rep',
      'SUCCESS, 1 rep',
      'INVALID_PARAMETER',
    ])
  })

  test('shows where a hypervisor flushes less than was asked', () => {
    const { control, bytes } = example('E11')
    const run = shootdown([
      'decode',
      '-c',
      wordOf(control),
      '--with',
      'extendedGvaRanges',
      '--profile',
      'kvm,tlfs',
      hexOf(bytes),
    ])
    expect(run.out).toContain('(LESS than asked)')
    expect(run.out).toContain('flushes what was asked')
  })

  test('takes the lines that KVM traces; what is in no trace stays unknown', () => {
    const lines = [
      'CPU 2/KVM-186 [000] ..... 228414314834: kvm_hv_hypercall: code 0x3 slow var_cnt 0x0 rep_cnt 0x1 idx 0x0 in 0x3f1d000 out 0x0',
      'CPU 2/KVM-186 [000] ..... 228414339118: kvm_hv_flush_tlb: processor_mask 0x7 address_space 0x5bb2000 flags 0x0',
    ]
    const list = JSON.parse(shootdown(['decode', '--json', '-'], lines.join('\n')).out)
    expect(list.inputError).toBe('the call needs 32 bytes of input, there are 24')
    expect(list.inputFields.map((f: { value: string }) => f.value)).toEqual(['0x5bb2000', '0x0', '0x7'])
    expect(list.profiles.map((p: { outcome: string }) => p.outcome)).toEqual([
      'unknown',
      'unknown',
      'unknown',
      'SUCCESS, 1 rep',
    ])
    const ipi = 'kvm_hv_hypercall: code 0xb fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0xfb out 0x5'
    expect(shootdown(['decode', ipi]).out).toContain('interrupts VP 0, 2 with vector 0xfb')
  })

  test('decodes as much of a call as there is', () => {
    const { control, bytes } = example('E7')
    const doc = JSON.parse(
      shootdown(['decode', '--json', '-c', wordOf(control), hexOf(bytes.subarray(0, 56))]).out,
    )
    expect(doc.inputFields.map((f: { name: string }) => f.name)).toContain('Range[0]')
    expect(doc.inputError).toMatch(/64 bytes of input, there are 56/)
  })

  test('decodes single words and structures', () => {
    expect(shootdown(['decode', '--as', 'result', '0x0000001400000005']).out).toContain('INVALID_PARAMETER')
    const ipi =
      '0a00000000000000' + '0500000000000000' + '0000000000000000' + '4000000000000000' + 'fd00000000000000'
    const doc = JSON.parse(shootdown(['decode', '--as', 'kvm-send-ipi', '--json', ipi]).out)
    expect(doc.fields.apicIds).toEqual([64, 66])
  })

  test.each([
    [['decode'], /control word is missing/],
    [['decode', '-c', 'nonsense'], /--control "nonsense" is not a 64-bit word/],
    [['decode', '-c', '2', 'zz'], /neither a file nor hex digits/],
    [['decode', '-c', '2', '123'], /no whole bytes/],
    [['decode', '-c', '2', '--profile', 'vmware', '00'], /--profile "vmware" is unknown; known: tlfs/],
    [['decode', '-c', '2', '--vps', '9-3', '00'], /--vps "9-3"/],
    [['decode', '-c', '2', '--with', 'magic', '00'], /--with "magic" is unknown/],
    [['decode', '--as', 'nonsense', '00'], /--as "nonsense" is unknown/],
    [['decode', '--as', 'mmuext-op', '00'], /mmuext_op needs 24 bytes, there are 1/],
    [['encode', 'nonsense'], /call "nonsense" is unknown; known: space/],
    [['encode', 'list', '--vps', '2'], /at least one --range/],
    [['encode', 'space', '--vps', '70'], /use the Ex call/],
    [['encode', 'list', '--range', '0x1000+0'], /is empty/],
    [['encode', 'ipi'], /needs --vector/],
    [['encode', '-'], /not valid JSON/],
  ])('%j ends with status 2 and one line', (args, message) => {
    const run = shootdown(args as string[])
    expect(run.status).toBe(2)
    expect(run.out).toBe('')
    expect(run.err).toMatch(message as RegExp)
    expect(run.err.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('shootdown hypercall encode', () => {
  test.each([
    ['E1', ['space', '--all-spaces', '--vps', '2']],
    ['E2', ['space', '--address-space', '0x1234000', '--all-processors', '--non-global']],
    ['E3', ['list', '--address-space', '0x1234000', '--vps', '0,4,6', '--range', '0x7f0012345000']],
    ['E4', ['list', '--address-space', '0x1234000', '--vps', '3', '--range', '0x7f0000000000+6145']],
    ['E5', ['space-ex', '--all-spaces', '--vps', '0,5,130']],
    ['E6', ['list-ex', '--all-spaces', '--vps', '65', '--range', '0x7f00deadb000']],
    [
      'E7',
      ['list-ex', '--all-spaces', '--vps', '2,65', '--range', '0x400000+3', '--range', '0x7ffff7dd0000'],
    ],
    ['E8', ['space-ex', '--all-spaces', '--vps', 'all']],
    ['E13', ['ipi', '--vector', '0xfe', '--vps', '2']],
    ['E14', ['ipi-ex', '--vector', '0xfe', '--vps', '2,65']],
  ])('writes %s', (name, args) => {
    const { control, bytes } = example(name)
    const run = shootdown(['encode', ...args, '--json'])
    expect(JSON.parse(run.out)).toMatchObject({
      control: `0x${control.toString(16).padStart(16, '0')}`,
      bytes: hexOf(bytes),
    })
  })

  test('its JSON is what decode reads', () => {
    const encoded = shootdown([
      'encode',
      'list',
      '--all-spaces',
      '--vps',
      '1',
      '--range',
      '0x1000-0x5000',
      '--fast',
      '--json',
    ])
    const decoded = JSON.parse(shootdown(['decode', '--json', '-'], encoded.out).out)
    expect(decoded.asked).toEqual({
      vps: [1],
      addressSpace: 'all',
      globals: 'flushed',
      pages: [{ start: '0x1000', last: '0x4fff', pages: 4 }],
    })
  })

  test('takes its arguments as JSON', () => {
    const args = { call: 'space-ex', allSpaces: true, vps: [0, 5, 130] }
    expect(shootdown(['encode', '-'], JSON.stringify(args)).out).toContain('RCX   0x0000000000040013')
    expect(shootdown(['encode', '-'], JSON.stringify({ ...args, colour: 'red' })).err).toMatch(/colour/)
  })

  test('Linux sends dense sets', () => {
    const run = shootdown(['encode', 'space-ex', '--all-spaces', '--vps', '0,130', '--dense', '--json'])
    expect(JSON.parse(run.out).control).toBe('0x0000000000060013')
  })
})

describe('shootdown hypercall prove', () => {
  test('proves our list builder and ends with status 0', () => {
    const run = shootdown(['prove', 'exact'])
    expect(run.err).toBe('')
    expect(run.status).toBe(0)
    expect(run.out).toMatch(/4 claims proved \(8 lemmas\), 0 refuted with numbers, all as documented/)
  })

  test('finds the faults of the 2017 patch in numbers', () => {
    const run = shootdown(['prove', '2017', '--json'])
    const { claims } = JSON.parse(run.out)
    const refuted = claims.filter((c: { outcome: string }) => c.outcome === 'refuted')
    expect(
      refuted.map((c: { property: string; counterexample: object }) => [c.property, c.counterexample]),
    ).toEqual([
      [
        'ends',
        {
          start: expect.stringMatching(/^0xffffffffff/),
          end: '0xfffffffffffff000',
          run: expect.stringMatching(/still running/),
        },
      ],
      [
        'covers',
        { start: expect.any(String), end: expect.any(String), run: expect.stringMatching(/is missing/) },
      ],
      ['fits', { start: '0x7f0000000000', end: '0x7f01fd001000', run: '510 entries, 4104 bytes' }],
    ])
    expect(run.status).toBe(0)
  })

  test('an unknown builder ends with status 2', () => {
    const run = shootdown(['prove', 'linux'])
    expect(run.status).toBe(2)
    expect(run.err).toMatch(/builder "linux" is unknown; known: 2017/)
  })
})
