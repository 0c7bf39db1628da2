/** Each property of the machine has a program in which it fires, and one beside it in which it does not (MACHINE 5). */
import { describe, expect, it } from 'vitest'
import type { Task } from '../../src/core/operation.ts'
import { PROPERTIES, type Property } from '../../src/core/violation.ts'
import { check } from '../../src/explore/check.ts'
import { NONE } from '../../src/machine/entries.ts'
import { allocFrame, freeFrame, handOver, putPage, reallocate, tryGetRef } from '../../src/machine/frames.ts'
import { enterKernel, returnToUser } from '../../src/machine/modes.ts'
import { beginLookup, endLookup, readEntry, slot, unpin } from '../../src/machine/paging.ts'
import { commitCopy, copyFrame, promise, withdrawPromise } from '../../src/machine/promises.ts'
import { invlpg, movCr3, reloadCr3 } from '../../src/machine/tlb.ts'
import { assert, waitUntil } from '../../src/machine/variables.ts'
import { SCENARIOS } from '../../src/scenarios/registry.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { Bench, U, V } from './bench.ts'

const SITE = 'test'
const flushAll = (bench: Bench) => {
  for (const cpu of bench.machine.cpus) bench.do(reloadCr3(cpu, SITE))
}
const DATA = { use: 'data', space: 'a' } as const

/** What a program violates, in the order of events; the argument is true where it should. */
type Program = (bench: Bench, wrong: boolean) => void

function unhooked(bench: Bench): void {
  bench.write('PMD', 2, V, NONE)
}

const PROGRAMS: Partial<Record<Property, Record<string, Program>>> = {
  'page-table lifetime': {
    'software reads a table that is free': (bench, wrong) => {
      unhooked(bench)
      flushAll(bench)
      if (wrong) bench.do(freeFrame(bench.machine, bench.frame('T')))
      bench.do(readEntry(slot(bench.machine, bench.frame('T'), 1, V)))
    },
    'software writes into a table that is data by now': (bench, wrong) => {
      unhooked(bench)
      flushAll(bench)
      if (wrong) bench.do(freeFrame(bench.machine, bench.frame('T')))
      if (wrong) bench.do(reallocate(bench.machine, 'T', DATA))
      bench.map(V, 'X')
    },
  },
  'hardware-walk lifetime': {
    'a table is freed without an invalidation': (bench, wrong) => {
      unhooked(bench)
      if (!wrong) flushAll(bench)
      bench.do(freeFrame(bench.machine, bench.frame('T')))
    },
    'a table is freed while it is linked': (bench, wrong) => {
      if (!wrong) unhooked(bench)
      flushAll(bench)
      bench.do(freeFrame(bench.machine, bench.frame('T')))
    },
    'a context is loaded whose table has been freed while it was parked': (bench, wrong) => {
      for (const cpu of bench.machine.cpus) bench.do(movCr3(cpu, bench.b, 1, 'no-flush'))
      unhooked(bench)
      bench.do(freeFrame(bench.machine, bench.frame('T')))
      bench.do(movCr3(bench.cpu(0), bench.a, 0, wrong ? 'no-flush' : 'flush'))
    },
  },
  'translation coherence': {
    'a page is freed that user mode can still reach': (bench, wrong) => {
      bench.map(V, 'X')
      bench.do(returnToUser(bench.cpu(1)))
      bench.unmap(V)
      if (!wrong) bench.do(invlpg(bench.cpu(1), V, SITE))
      bench.do(freeFrame(bench.machine, bench.frame('X')))
    },
    'a page is handed over, and the CPU returns to user mode with its translation': (bench, wrong) => {
      bench.map(V, 'X')
      bench.unmap(V)
      bench.do(handOver(bench.machine, bench.frame('X'), { use: 'data', space: 'driver' }))
      if (!wrong) flushAll(bench)
      bench.do(returnToUser(bench.cpu(1)))
    },
    'a frame that began as a table is data when it is freed': (bench, wrong) => {
      bench.write('T', 1, V, bench.to('T2'))
      bench.do(returnToUser(bench.cpu(1)))
      bench.unmap(V)
      if (!wrong) flushAll(bench)
      bench.do(freeFrame(bench.machine, bench.frame('T2')))
    },
    'an entry names a frame in an earlier life': (bench, wrong) => {
      const { machine } = bench
      if (wrong) bench.do(freeFrame(machine, bench.frame('X')))
      if (wrong) bench.do(allocFrame(machine, 'X', DATA))
      bench.do(returnToUser(bench.cpu(1)))
      bench.map(V, 'X')
    },
  },
  'permission coherence': {
    'munmap returns while a stale translation is usable': (bench, wrong) => {
      bench.map(V, 'X')
      bench.do(returnToUser(bench.cpu(1)))
      bench.unmap(V)
      if (!wrong) flushAll(bench)
      bench.do(promise(bench.machine, bench.a, V, { frames: [], writable: false }))
    },
    'mprotect returns while a translation is writable': (bench, wrong) => {
      bench.map(V, 'X')
      bench.do(returnToUser(bench.cpu(1)))
      bench.map(V, 'X', { user: true })
      if (!wrong) flushAll(bench)
      bench.do(promise(bench.machine, bench.a, V, { frames: 'any', writable: false }))
    },
    'a promise binds who returns to user mode later, until it is withdrawn': (bench, wrong) => {
      bench.map(V, 'X')
      bench.map(V, 'Y')
      bench.do(promise(bench.machine, bench.a, V, { frames: [bench.frame('Y')], writable: true }))
      if (!wrong) bench.do(withdrawPromise(bench.machine, bench.a, V))
      bench.do(returnToUser(bench.cpu(1)))
    },
    'another address space inherits translations with its PCID': (bench, wrong) => {
      bench.map(V, 'X')
      bench.do(promise(bench.machine, bench.b, V, { frames: [], writable: false }))
      bench.do(returnToUser(bench.cpu(1)))
      bench.do(movCr3(bench.cpu(1), bench.b, 0, wrong ? 'no-flush' : 'flush'))
    },
  },
  'reference validity': {
    'a frame is freed twice': (bench, wrong) => {
      bench.do(freeFrame(bench.machine, bench.frame('X')))
      if (wrong) bench.do(freeFrame(bench.machine, bench.frame('X')))
    },
    'a count underflows': (bench, wrong) => {
      bench.do(putPage(bench.machine, bench.frame('X')))
      if (!wrong) expect(bench.do(tryGetRef(bench.machine, bench.frame('X')))).toBe(false)
      if (wrong) bench.do(putPage(bench.machine, bench.frame('X')))
    },
    'a pin is returned on a page that was never there during the walk': (bench, wrong) => {
      const { machine } = bench
      bench.map(V, 'X')
      if (!wrong) bench.do(beginLookup(machine, 1, bench.a, V))
      bench.map(V, 'Y')
      if (wrong) bench.do(beginLookup(machine, 1, bench.a, V))
      bench.do(endLookup(machine, 1, bench.frame('X')))
    },
    'a pin is returned on a page in another life': (bench, wrong) => {
      const { machine } = bench
      bench.map(V, 'X')
      bench.do(beginLookup(machine, 1, bench.a, V))
      const later = { ...bench.frame('X'), incarnation: wrong ? 2 : 1 }
      bench.do(endLookup(machine, 1, later))
    },
  },
  'table ownership': {
    'software reads a table that belongs to another level by now': (bench, wrong) => {
      unhooked(bench)
      flushAll(bench)
      if (wrong) bench.do(handOver(bench.machine, bench.frame('T'), { use: 'table', level: 1, space: 'b' }))
      bench.do(readEntry(slot(bench.machine, bench.frame('T'), 1, V)))
    },
    'an address space is linked to a private table of another': (bench, wrong) => {
      const table = wrong ? 'Tb' : 'T2'
      bench.write('PMD', 2, U, bench.to(table))
    },
  },
  'lost write': {
    'the source of a copy is mapped writable': (bench, wrong) => {
      bench.map(V, 'X', { user: true, writable: wrong })
      bench.do(returnToUser(bench.cpu(1)))
      bench.do(copyFrame(bench.machine, bench.frame('X'), bench.frame('Z')))
      bench.do(commitCopy(bench.machine, bench.frame('X')))
    },
    'the source could be written for a moment between copy and commit': (bench, wrong) => {
      bench.map(V, 'X')
      bench.unmap(V)
      if (!wrong) flushAll(bench)
      bench.do(copyFrame(bench.machine, bench.frame('X'), bench.frame('Z')))
      bench.do(returnToUser(bench.cpu(1)))
      bench.do(enterKernel(bench.cpu(1)))
      flushAll(bench)
      bench.do(commitCopy(bench.machine, bench.frame('X')))
    },
    'a walker has returned a pin on the source': (bench, wrong) => {
      const { machine } = bench
      bench.map(V, 'X', { user: true })
      bench.do(beginLookup(machine, 1, bench.a, V))
      bench.do(endLookup(machine, 1, bench.frame('X')))
      if (!wrong) bench.do(unpin(machine, bench.frame('X')))
      bench.do(copyFrame(machine, bench.frame('X'), bench.frame('Z')))
      bench.do(commitCopy(machine, bench.frame('X')))
    },
  },
}

describe.each(Object.entries(PROGRAMS))('%s', (property, programs) => {
  it.each(Object.entries(programs))('%s', (_, program) => {
    const found = (wrong: boolean) => {
      const bench = new Bench({ contexts: 2, copies: true })
      program(bench, wrong)
      return [...new Set(bench.violations.map((violation) => violation.property))]
    }
    expect(found(true)).toContain(property)
    expect(found(false)).toEqual([])
  })
})

describe('progress, assertion and interface', () => {
  it('progress: nobody can move, and not everybody is done', () => {
    const run = (initial: number) => {
      const bench = new Bench()
      const flag = bench.machine.variable('flag', initial)
      return bench.verdict(function* main(): Task<void> {
        yield* waitUntil([flag], 'flag', ([value]) => value === 1)
      })
    }
    expect([run(0), run(1)]).toEqual(['progress', 'safe'])
  })
  it('assertion: a condition of the scenario is false', () => {
    const run = (holds: boolean) =>
      new Bench().verdict(function* main(): Task<void> {
        yield* assert(holds, 'it holds')
      })
    expect([run(false), run(true)]).toEqual(['assertion', 'safe'])
  })
  it('interface: a hypercall asks for less than the kernel asked of the backend', () => {
    const run = (name: string) => {
      const scenario = SCENARIOS.find((candidate) => candidate.name === name)!
      const verdict = check(scenario.build({ ...DEFAULT_OPTIONS, ...scenario.defaults }), { shortest: false })
      return verdict.verdict === 'unsafe' ? verdict.property : verdict.verdict
    }
    expect([run('hv-empty-mask'), run('hv-empty-mask-fixed')]).toEqual(['interface', 'safe'])
  })
})

it('every property is tested here', () => {
  const tested = [...Object.keys(PROGRAMS), 'progress', 'assertion', 'interface']
  expect(tested.sort()).toEqual(Object.keys(PROPERTIES).sort())
})

it('a table that is mapped as data must have been declared so, because looks at tables do not depend on CPL', () => {
  expect(() => new Bench().map(V, 'Tb')).toThrow('declare it with `data: true`')
})
