/** MACHINE 2: exactly what each instruction invalidates, row by row. */
import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/core/operation.ts'
import { NONE } from '../../src/machine/entries.ts'
import type { Cpu } from '../../src/machine/machine.ts'
import {
  flushGuestTlb,
  invlpg,
  invpcidAddress,
  invpcidAll,
  invpcidContext,
  movCr3,
  reloadCr3,
  toggleCr4Pge,
} from '../../src/machine/tlb.ts'
import { Bench, U, V, W } from './bench.ts'

const SITE = 'test'

/**
 * CPU0 holds, all of it stale: in PCID 0 V->X, W->Y global, U->Y through T2, and the upper-level entries to T and T2; in PCID 1
 * V->Z, and the upper-level entry to Tb. What is left after an instruction, in a few letters.
 */
function left(instruction: (cpu: Cpu) => Operation<void>): string {
  const bench = new Bench({ contexts: 2 })
  const cpu = bench.cpu(0)
  bench.map(V, 'X')
  bench.map(W, 'Y', { user: true, writable: true, global: true })
  bench.write('T2', 1, U, bench.to('Y'))
  bench.write('PMD', 2, U, bench.to('T2'))
  bench.write('Tb', 1, V, bench.to('Z'))
  bench.do(movCr3(cpu, bench.b, 1, 'no-flush'))
  bench.do(movCr3(cpu, bench.a, 0, 'no-flush'))
  bench.write('PMDb', 2, V, NONE)
  bench.write('Tb', 1, V, NONE)
  bench.write('PMD', 2, V, NONE)
  bench.write('PMD', 2, U, NONE)
  bench.unmap(V)
  bench.unmap(W)
  bench.write('T2', 1, U, NONE)
  bench.do(instruction(cpu))
  const seen: string[] = []
  const note = (here: boolean, name: string) => void (here && seen.push(name))
  if (bench.get(cpu.cr3) !== bench.machine.cr3s.id({ root: bench.a.root, pcid: 0 }))
    bench.do(movCr3(cpu, bench.a, 0, 'no-flush'))
  const tables = bench.walksInto(0)
  note(bench.reaches(0, V).includes('X'), 'V')
  note(bench.reaches(0, W).includes('Y'), 'Wg')
  note(bench.reaches(0, U).includes('Y'), 'U')
  note(tables.includes('T'), 'T')
  note(tables.includes('T2'), 'T2')
  bench.do(movCr3(cpu, bench.b, 1, 'no-flush'))
  note(bench.reaches(0, V).includes('Z'), 'Z')
  note(bench.walksInto(0).includes('Tb'), 'Tb')
  return seen.join(' ')
}

const a = (cpu: Cpu) => cpu.machine.spaces[0]!

describe('what is left after', () => {
  it.each<[string, string, (cpu: Cpu) => Operation<void>]>([
    ['no instruction: everything', 'V Wg U T T2 Z Tb', (cpu) => movCr3(cpu, a(cpu), 0, 'no-flush')],
    [
      'INVLPG V: all but V and the upper levels of the current PCID',
      'Wg U Z Tb',
      (cpu) => invlpg(cpu, V, SITE),
    ],
    ['INVLPG W: a global entry goes', 'V U Z Tb', (cpu) => invlpg(cpu, W, SITE)],
    [
      'INVLPG of an address that is not tracked: upper levels go all the same',
      'V Wg U Z Tb',
      (cpu) => invlpg(cpu, V + 0x9000n, SITE),
    ],
    [
      'INVPCID 0, V: only the upper levels that serve it',
      'Wg U T2 Z Tb',
      (cpu) => invpcidAddress(cpu, 0, V, SITE),
    ],
    ['INVPCID 0, W: not a global entry', 'V Wg U T2 Z Tb', (cpu) => invpcidAddress(cpu, 0, W, SITE)],
    ['INVPCID 0, V in another PCID', 'V Wg U T T2', (cpu) => invpcidAddress(cpu, 1, V, SITE)],
    ['INVPCID 1, PCID 0', 'Wg Z Tb', (cpu) => invpcidContext(cpu, 0, SITE)],
    ['INVPCID 1, PCID 1', 'V Wg U T T2', (cpu) => invpcidContext(cpu, 1, SITE)],
    ['INVPCID 2: nothing', '', (cpu) => invpcidAll(cpu, 'global', SITE)],
    ['INVPCID 3: global entries', 'Wg', (cpu) => invpcidAll(cpu, 'non-global', SITE)],
    ['a toggle of CR4.PGE: nothing', '', (cpu) => toggleCr4Pge(cpu, SITE)],
    ['a reload of CR3', 'Wg Z Tb', (cpu) => reloadCr3(cpu, SITE)],
    ['MOV CR3 to PCID 0', 'Wg Z Tb', (cpu) => movCr3(cpu, a(cpu), 0, 'flush')],
    [
      'MOV CR3 to PCID 1: what is loaded is flushed, not what is left',
      'V Wg U T T2',
      (cpu) => movCr3(cpu, cpu.machine.spaces[1]!, 1, 'flush'),
    ],
    [
      'MOV CR3 with bit 63: everything',
      'V Wg U T T2 Z Tb',
      (cpu) => movCr3(cpu, cpu.machine.spaces[1]!, 1, 'no-flush'),
    ],
  ])('%s', (_, expected, instruction) => {
    expect(left(instruction)).toBe(expected)
  })
})

describe('global entries', () => {
  it('serve every context, and INVLPG takes them out of all', () => {
    const bench = new Bench({ contexts: 2 })
    const cpu = bench.cpu(0)
    bench.map(V, 'X', { user: true, global: true })
    bench.unmap(V)
    bench.do(movCr3(cpu, bench.b, 1, 'flush'))
    expect(bench.reaches(0, V)).toEqual(['X'])
    bench.do(invlpg(cpu, V, SITE))
    expect(bench.reaches(0, V)).toEqual([])
  })
  it('the G bit of an entry above the leaf means nothing', () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, bench.to('T', { user: true, writable: true, global: true }))
    bench.map(V, 'X')
    bench.write('PMD', 2, V, NONE)
    bench.unmap(V)
    bench.do(reloadCr3(bench.cpu(0), SITE))
    expect(bench.walksInto(0)).not.toContain('T')
    expect(bench.reaches(0, V)).toEqual([])
  })
})

describe('large pages', () => {
  const HUGE = { user: true, writable: true, huge: true }
  it('INVLPG of any address in a huge page takes its translation out, for all of its addresses', () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, bench.to('X', HUGE))
    bench.write('PMD', 2, V, NONE)
    bench.do(invlpg(bench.cpu(0), V & ~0x1f_ffffn, SITE))
    expect(bench.reaches(0, V)).toEqual([])
    expect(bench.reaches(0, W)).toEqual([])
  })
  it('but none of the small translations beside it', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.unmap(V)
    bench.do(invlpg(bench.cpu(0), W, SITE))
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('a 1 GiB translation goes by an address that 2 MiB ones do not share', () => {
    const bench = new Bench()
    bench.write('PUD', 3, V, bench.to('X', HUGE))
    bench.write('PUD', 3, V, bench.to('PMD'))
    bench.write('PMD', 2, V, bench.to('Y', HUGE))
    bench.write('PUD', 3, V, NONE)
    expect(bench.reaches(0, V)).toEqual(['X', 'Y'])
    bench.do(invlpg(bench.cpu(0), U + 0x20_0000n, SITE))
    expect(bench.reaches(0, V)).toEqual(['Y'])
  })
})

describe('a hypervisor that flushes for a vCPU', () => {
  const held = () => {
    const bench = new Bench()
    bench.map(V, 'X', { user: true, global: true })
    bench.map(W, 'Y')
    bench.unmap(V)
    bench.unmap(W)
    return bench
  }
  const page = (va: bigint) => ({ first: Number(va >> 12n), count: 1 })
  it('must have it out of guest mode', () => {
    const bench = held()
    expect(() =>
      bench.do(flushGuestTlb(bench.cpu(0), { addressSpace: 'all', spans: 'all', globals: 'flushed' }, SITE)),
    ).toThrow('is in guest mode')
  })
  it.each([
    ['everything', 'all', 'flushed', ''],
    ['all but global entries', 'all', 'may-survive', 'X'],
    ['one range', [page(W)], 'flushed', 'X'],
    ['a range that ends before', [{ first: Number(V >> 12n) - 3, count: 3 }], 'flushed', 'X Y'],
  ] as const)('%s', (_, spans, globals, expected) => {
    const bench = held()
    const cpu = bench.cpu(0)
    bench.do(bench.host.vmExit(cpu, 'exit'))
    bench.do(flushGuestTlb(cpu, { addressSpace: 'all', spans, globals }, SITE))
    bench.do(bench.host.tryEntry(cpu))
    expect([...bench.reaches(0, V), ...bench.reaches(0, W)].join(' ')).toBe(expected)
  })
  it('drops nothing of an address space that is not loaded', () => {
    const bench = held()
    const cpu = bench.cpu(0)
    bench.do(bench.host.vmExit(cpu, 'exit'))
    const other = BigInt(bench.b.root.pfn) << 12n
    bench.do(flushGuestTlb(cpu, { addressSpace: other, spans: 'all', globals: 'flushed' }, SITE))
    bench.do(bench.host.tryEntry(cpu))
    expect(bench.reaches(0, W)).toEqual(['Y'])
  })
})
