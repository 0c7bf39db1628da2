/** MACHINE 1: translations, and who may use them. */
import { describe, expect, it } from 'vitest'
import { NONE } from '../../src/machine/entries.ts'
import { accessAddress, enterKernel, returnToUser } from '../../src/machine/modes.ts'
import { invlpg, invpcidContext, movCr3, reloadCr3 } from '../../src/machine/tlb.ts'
import { Bench, FRAMES, U, V, W } from './bench.ts'

const SITE = 'test'

describe('a translation that is taken away', () => {
  it('stays usable where its context is active, until an invalidation', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.unmap(V)
    expect(bench.reaches(0, V)).toEqual(['X'])
    expect(bench.reaches(1, V)).toEqual(['X'])
    bench.do(invlpg(bench.cpu(0), V, SITE))
    expect(bench.reaches(0, V)).toEqual([])
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('is forgotten by a flush, but comes back while the entry stands: a flush does not forbid the future', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.do(reloadCr3(bench.cpu(0), SITE))
    expect(bench.reaches(0, V)).toEqual(['X'])
    bench.unmap(V)
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('keeps the permissions that it had: read-only now, writable still', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.map(V, 'X', { user: true })
    const flags = new Set<number>()
    const leaf = (_: number, __: number, ___: number, bits: number) => void flags.add(bits & 1)
    bench.machine.translations.eachUsable(bench, bench.cpu(0), { leaf }, { anyMode: true })
    expect([...flags].sort()).toEqual([0, 1])
  })
})

describe('contexts', () => {
  it('a PCID that is left keeps what it could have cached, and a no-flush MOV CR3 revives it', () => {
    const bench = new Bench({ contexts: 2 })
    bench.map(V, 'X')
    bench.do(movCr3(bench.cpu(0), bench.b, 1, 'no-flush'))
    bench.unmap(V)
    expect(bench.reaches(0, V)).toEqual([])
    bench.do(movCr3(bench.cpu(0), bench.a, 0, 'no-flush'))
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('nothing joins a parked context: what was mapped and unmapped meanwhile is never usable', () => {
    const bench = new Bench({ contexts: 2 })
    bench.do(movCr3(bench.cpu(0), bench.b, 1, 'no-flush'))
    bench.map(V, 'X')
    bench.unmap(V)
    bench.do(movCr3(bench.cpu(0), bench.a, 0, 'no-flush'))
    expect(bench.reaches(0, V)).toEqual([])
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('MOV CR3 flushes the PCID that it loads, not the one that it leaves', () => {
    const bench = new Bench({ contexts: 2 })
    bench.map(V, 'X')
    bench.do(movCr3(bench.cpu(0), bench.b, 1, 'flush'))
    bench.unmap(V)
    bench.do(movCr3(bench.cpu(0), bench.a, 0, 'no-flush'))
    expect(bench.reaches(0, V)).toEqual(['X'])
    bench.do(movCr3(bench.cpu(0), bench.a, 0, 'flush'))
    expect(bench.reaches(0, V)).toEqual([])
  })
  it('without PCIDs another address space inherits what is not flushed', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.do(movCr3(bench.cpu(0), bench.b, 0, 'no-flush'))
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('a VM exit parks the context: entries that go meanwhile are held, and usable after VM entry', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.do(bench.host.vmExit(bench.cpu(0), 'exit'))
    bench.unmap(V)
    expect(bench.reaches(0, V)).toEqual([])
    bench.do(bench.host.tryEntry(bench.cpu(0)))
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('a vCPU that migrates leaves its entries on the physical TLB, and finds what is there', () => {
    const bench = new Bench({ cpus: 1, tlbs: 2 })
    const cpu = bench.cpu(0)
    bench.map(V, 'X')
    bench.do(bench.host.vmExit(cpu, 'exit'))
    bench.unmap(V)
    bench.do(bench.host.migrate(cpu, 1))
    bench.do(bench.host.tryEntry(cpu))
    expect(bench.reaches(0, V)).toEqual([])
    bench.do(bench.host.vmExit(cpu, 'exit'))
    bench.do(bench.host.migrate(cpu, 0))
    bench.do(bench.host.tryEntry(cpu))
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
})

describe('one element is a whole walk', () => {
  it('write permission is the AND of the walk', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.write('PMD', 2, V, bench.to('T', { user: true }))
    bench.do(reloadCr3(bench.cpu(0), SITE))
    let writable = false
    bench.machine.translations.eachUsable(
      bench,
      bench.cpu(0),
      {
        leaf: (_, __, ___, flags) => {
          if (flags & 1) writable = true
        },
      },
      { anyMode: true },
    )
    expect(writable).toBe(false)
  })
  it('a changed word is stale for every mm that shares the table', () => {
    const bench = new Bench()
    bench.write('PMDb', 2, V, bench.to('T'))
    bench.map(V, 'X')
    bench.do(movCr3(bench.cpu(1), bench.b, 0, 'flush'))
    bench.unmap(V)
    expect(bench.reaches(1, V)).toEqual(['X'])
  })
  it('and for every address at which the table is linked', () => {
    const bench = new Bench()
    bench.write('PMD', 2, U, bench.to('T'))
    bench.map(V, 'X')
    bench.unmap(V)
    expect(bench.reaches(0, U)).toEqual(['X'])
    bench.do(invlpg(bench.cpu(0), V, SITE))
    expect(bench.reaches(0, U)).toEqual(['X'])
    bench.do(invlpg(bench.cpu(0), U, SITE))
    expect(bench.reaches(0, U)).toEqual([])
  })
  it('self-maps are walked too', () => {
    const bench = new Bench({
      frames: FRAMES.map((spec) => (spec.name === 'PMD' ? { ...spec, table: [1, 2] } : spec)),
    })
    // The PMD as its own table for U: word 1 of it, read as a PTE, maps T.
    bench.write('PMD', 2, U, bench.to('PMD'))
    expect(bench.reaches(0, U)).toEqual(['T'])
    bench.write('PMD', 2, V, NONE)
    expect(bench.reaches(0, U)).toEqual(['T'])
  })
  it('an upper-level change makes every leaf translation below it stale', () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.map(W, 'Y')
    bench.write('PMD', 2, V, NONE)
    bench.do(invlpg(bench.cpu(0), V, SITE))
    expect(bench.reaches(0, V)).toEqual([])
    expect(bench.reaches(0, W)).toEqual(['Y'])
  })
  it('page sizes coexist: after a split the translation of the huge page is still there', () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, bench.to('Y', { writable: true, user: true, huge: true }))
    bench.map(V, 'X')
    bench.write('PMD', 2, V, bench.to('T'))
    expect(bench.reaches(0, V)).toEqual(['X', 'Y'])
  })
})

describe('paging-structure caches', () => {
  it("let the walker read the table's current words after the entry above is gone", () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, NONE)
    bench.map(V, 'X')
    expect(bench.reaches(0, V)).toEqual(['X'])
    bench.unmap(V)
    expect(bench.reaches(0, V)).toEqual(['X'])
  })
  it('survive an invalidation of the leaf alone, and so the leaf comes back', () => {
    const bench = new Bench({ contexts: 2, invlpgb: true })
    bench.map(V, 'X')
    bench.write('PMD', 2, V, NONE)
    bench.do(movCr3(bench.cpu(0), bench.b, 1, 'no-flush'))
    bench.do(movCr3(bench.cpu(0), bench.a, 0, 'no-flush'))
    expect(bench.walksInto(0)).toContain('T')
    bench.do(invpcidContext(bench.cpu(0), 0, SITE))
    expect(bench.walksInto(0)).not.toContain('T')
    expect(bench.reaches(0, V)).toEqual([])
  })
  it('what was filled through one for another address survives INVLPG, which ends it', () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, NONE)
    bench.map(W, 'Y')
    bench.do(invlpg(bench.cpu(0), V, SITE))
    expect(bench.walksInto(0)).not.toContain('T')
    expect(bench.reaches(0, W)).toEqual(['Y'])
  })
})

describe('usable', () => {
  const prepared = () => {
    const bench = new Bench()
    bench.map(V, 'X')
    bench.unmap(V)
    return bench
  }
  it('a CPU in kernel mode holds data translations without using them, until it returns to user mode', () => {
    const bench = prepared()
    expect(bench.uses(0)).toEqual([])
    bench.do(returnToUser(bench.cpu(0)))
    expect(bench.uses(0)).toEqual(['X'])
    bench.do(enterKernel(bench.cpu(0)))
    expect(bench.uses(0)).toEqual([])
  })
  it('upper-level entries are usable at any CPL, because walks are speculative', () => {
    const bench = new Bench()
    bench.write('PMD', 2, V, NONE)
    expect(bench.walksInto(0)).toContain('T')
  })
  it('a preempted vCPU uses nothing', () => {
    const bench = prepared()
    bench.do(returnToUser(bench.cpu(0)))
    bench.do(bench.host.vmExit(bench.cpu(0), 'preempted'))
    expect(bench.uses(0)).toEqual([])
    expect(bench.walksInto(0)).toEqual([])
  })
  it('kernel code that accesses the address explicitly uses it, also against a promise', async () => {
    const { freeFrame } = await import('../../src/machine/frames.ts')
    const { promise } = await import('../../src/machine/promises.ts')
    const bench = prepared()
    bench.do(promise(bench.machine, bench.a, V, { frames: [], writable: false }))
    expect(bench.violated(accessAddress(bench.cpu(0), W))).toEqual([])
    expect(bench.violated(accessAddress(bench.cpu(0), V))).toEqual(['permission coherence'])
    expect(bench.violated(freeFrame(bench.machine, bench.frame('X')))).toEqual([])
    expect(bench.violated(accessAddress(bench.cpu(0), V))).toContain('translation coherence')
  })
})
