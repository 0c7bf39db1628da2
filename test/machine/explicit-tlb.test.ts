/**
 * The stale sets against TLBs with explicit fill and evict steps: after every prefix of thousands of random small programs the
 * two machines violate the same properties.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NONE } from '../../src/machine/entries.ts'
import { allocFrame, freeFrame } from '../../src/machine/frames.ts'
import { enterKernel, returnToUser } from '../../src/machine/modes.ts'
import { slot, writeEntry } from '../../src/machine/paging.ts'
import { promise } from '../../src/machine/promises.ts'
import {
  invlpg,
  invlpgb,
  invpcidAddress,
  invpcidAll,
  invpcidContext,
  movCr3,
  tlbsync,
} from '../../src/machine/tlb.ts'
import { Bench, FRAMES, U, V, W } from './bench.ts'
import { type Event, ExplicitMachine, indexAt, type Name, type Word } from './explicit-tlb.ts'

const RUNS = Number(process.env.RUNS ?? 600)
const seed = process.env.SEED === undefined ? 20_170_811 : Number(process.env.SEED)

const LEVELS = { PGD: 4, PUD: 3, PMD: 2, T: 1, T2: 1, PGDb: 4, PUDb: 3, PMDb: 2, Tb: 1 } as const
type Table = keyof typeof LEVELS
const SITE = 'test'

/** Tables that everybody may share, so that what is compared is what TLBs hold. */
const frames = FRAMES.map((spec) =>
  spec.owner?.use === 'table' ? { ...spec, owner: { ...spec.owner, space: 'shared:all' } } : spec,
)

/** Both machines in the same initial state, and one event at a time on both. */
class Pair {
  readonly bench: Bench
  readonly explicit: ExplicitMachine
  private readonly addresses: readonly bigint[]

  constructor(addresses: readonly bigint[], evicts: boolean) {
    this.addresses = addresses
    this.bench = new Bench({ track: [V, W, U], frames, contexts: 2, invlpgb: true })
    this.explicit = new ExplicitMachine(2, addresses.map(pageOf), 'PGD', evicts)
    for (const [table, to] of [
      ...([
        ['PGD', 'PUD'],
        ['PUD', 'PMD'],
        ['PMD', 'T'],
      ] as const),
      ...([
        ['PGDb', 'PUDb'],
        ['PUDb', 'PMDb'],
        ['PMDb', 'Tb'],
      ] as const),
    ]) {
      this.explicit.step(this.entry(table, V, { to }))
    }
  }

  entry(table: Table, va: bigint, word: Partial<Word> | undefined): Event {
    const life = word?.to === undefined ? 1 : this.explicit.life(word.to)
    const usual = { to: 'X', life, writable: true, global: false, huge: false }
    return {
      is: 'write',
      table,
      index: indexAt(pageOf(va), LEVELS[table]),
      word: word === undefined ? undefined : { ...usual, ...word },
    }
  }

  /** Whether the event makes sense now: guest code runs in guest mode, software touches no table that is free. */
  allows(event: Event): boolean {
    if (event.is === 'write') return !this.explicit.isFree(event.table)
    if (event.is === 'free') return !this.explicit.isFree(event.frame)
    if (event.is === 'alloc') return this.explicit.isFree(event.frame)
    if (event.is === 'guest') return this.explicit.cpus[event.cpu]!.guest !== event.inside
    return !('cpu' in event) || this.explicit.cpus[event.cpu]!.guest
  }

  /** What each machine says is violated. */
  step(event: Event): readonly [stale: string[], explicit: string[]] {
    const stale = this.onBench(event)
    return [[...stale].sort(), [...this.explicit.step(event)].sort()]
  }

  private ref(name: Name) {
    return { pfn: this.bench.frame(name).pfn, incarnation: this.explicit.life(name) }
  }

  private onBench(event: Event): string[] {
    const { bench } = this
    const space = (root: Name) => (root === 'PGD' ? bench.a : bench.b)
    const va = (page: number) => BigInt(page) << 12n
    const before = bench.violations.length
    switch (event.is) {
      case 'write': {
        const { word } = event
        const table = event.table as Table
        const address = this.addresses.find((a) => indexAt(pageOf(a), LEVELS[table]) === event.index)!
        const { global, huge, writable } = word ?? { global: false, huge: false, writable: false }
        const entry = word && {
          ...bench.to(word.to, { user: true, writable, global, huge }),
          incarnation: word.life,
        }
        const at = slot(bench.machine, this.ref(table), LEVELS[table], address)
        bench.do(writeEntry(at, entry ?? NONE))
        break
      }
      case 'invlpg':
        bench.do(invlpg(bench.cpu(event.cpu), va(event.va), SITE))
        break
      case 'invpcid': {
        const cpu = bench.cpu(event.cpu)
        if (event.pcid === undefined) bench.do(invpcidAll(cpu, event.global ? 'global' : 'non-global', SITE))
        else if (event.va === undefined) bench.do(invpcidContext(cpu, event.pcid, SITE))
        else bench.do(invpcidAddress(cpu, event.pcid, va(event.va), SITE))
        break
      }
      case 'cr3':
        bench.do(
          movCr3(bench.cpu(event.cpu), space(event.root), event.pcid, event.flush ? 'flush' : 'no-flush'),
        )
        break
      case 'mode':
        bench.do(event.user ? returnToUser(bench.cpu(event.cpu)) : enterKernel(bench.cpu(event.cpu)))
        break
      case 'guest': {
        const cpu = bench.cpu(event.cpu)
        if (event.inside) bench.do(bench.host.tryEntry(cpu))
        else bench.do(bench.host.vmExit(cpu, 'exit'))
        break
      }
      case 'free':
        bench.do(freeFrame(bench.machine, this.ref(event.frame)))
        break
      case 'alloc': {
        const owner = frames.find(({ name }) => name === event.frame)!.owner!
        bench.do(allocFrame(bench.machine, event.frame, owner))
        break
      }
      case 'promise': {
        const allowed = event.frame === undefined ? 'any' : [this.ref(event.frame)]
        bench.do(
          promise(bench.machine, space(event.root), va(event.va), {
            frames: allowed,
            writable: event.writable,
          }),
        )
        break
      }
      case 'invlpgb': {
        const request = {
          ...(event.va !== undefined && { va: va(event.va) }),
          pcid: event.pcid,
          ...(event.finalOnly && { levels: 'final only' as const }),
        }
        bench.do(invlpgb(bench.cpu(event.cpu), SITE, request))
        break
      }
      case 'tlbsync':
        bench.do(tlbsync(bench.cpu(event.cpu), SITE))
        break
    }
    return [...new Set(bench.violations.slice(before).map(({ property }) => property))]
  }
}

function pageOf(va: bigint): number {
  return Number(va >> 12n)
}

/** An event as it is drawn; writes are completed with the frame's life when they happen. */
type Draft = Event | { is: 'map'; table: Table; va: bigint; word: Partial<Word> | undefined }

function drafts(addresses: readonly bigint[], cpus: number): fc.Arbitrary<Draft> {
  const cpu = fc.integer({ min: 0, max: cpus - 1 })
  const page = fc.constantFrom(...addresses.map(pageOf))
  const pcid = fc.integer({ min: 0, max: 1 })
  const va = fc.constantFrom(...addresses)
  const leaf = fc.option(
    fc.record({
      to: fc.constantFrom('X', 'Y'),
      writable: fc.boolean(),
      global: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    }),
    { nil: undefined, freq: 2 },
  )
  const middle = fc.oneof(
    fc.constant(undefined),
    fc.record({ to: fc.constantFrom('T', 'T2') }),
    fc.record({ to: fc.constantFrom('T', 'T2'), writable: fc.constant(false) }),
    fc.record({ to: fc.constantFrom('X', 'Y'), huge: fc.constant(true) }),
  )
  const is = <T extends string>(value: T) => fc.constant(value)
  const table = <T extends Table>(...names: T[]) => fc.constantFrom(...names)
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ is: is('map'), table: table('T', 'T2', 'Tb'), va, word: leaf }) },
    {
      weight: 5,
      arbitrary: fc.record({ is: is('map'), table: table('PMD', 'PMD', 'PMDb'), va, word: middle }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        is: is('map'),
        table: table('PUD'),
        va,
        word: fc.constantFrom(undefined, { to: 'PMD' }, { to: 'PMDb' }, { to: 'X', huge: true }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ is: is('invlpg'), cpu, va: page }) },
    {
      weight: 3,
      arbitrary: fc
        .record({
          is: is('invpcid'),
          cpu,
          va: fc.option(page, { nil: undefined }),
          pcid,
          all: fc.integer({ max: 3, min: 0 }),
        })
        .map(({ all, ...rest }) => ({
          ...rest,
          ...(all < 2 ? { va: undefined, pcid: undefined, global: all === 0 } : { global: false }),
        })),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        is: is('cr3'),
        cpu,
        root: fc.constantFrom('PGD', 'PGDb'),
        pcid,
        flush: fc.boolean(),
      }),
    },
    { weight: 5, arbitrary: fc.record({ is: is('mode'), cpu, user: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ is: is('guest'), cpu, inside: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ is: is('free'), frame: fc.constantFrom('X', 'Y', 'T', 'T2') }) },
    { weight: 1, arbitrary: fc.record({ is: is('alloc'), frame: fc.constantFrom('X', 'Y', 'T', 'T2') }) },
    {
      weight: 3,
      arbitrary: fc.record({
        is: is('promise'),
        root: fc.constantFrom('PGD', 'PGDb'),
        va: page,
        frame: fc.constantFrom('X', 'Y', undefined),
        writable: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        is: is('invlpgb'),
        cpu,
        va: fc.option(page, { nil: undefined }),
        pcid,
        finalOnly: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ is: is('tlbsync'), cpu }) },
  )
}

interface Tried {
  readonly violations: number
  readonly steps: number
}

/** Only what it takes to fill by one address through an upper-level entry that goes by another. */
function focused(addresses: readonly bigint[]): fc.Arbitrary<Draft> {
  const is = <T extends string>(value: T) => fc.constant(value)
  const page = fc.constantFrom(...addresses.map(pageOf))
  const va = fc.constantFrom(...addresses)
  const cpu = fc.constant(0)
  const leaf = fc.constantFrom(undefined, { to: 'X' }, { to: 'Y', global: true })
  return fc.oneof(
    { weight: 5, arbitrary: fc.record({ is: is('map'), table: is('T'), va, word: leaf }) },
    {
      weight: 2,
      arbitrary: fc.record({
        is: is('map'),
        table: is('PMD'),
        va: fc.constant(V),
        word: fc.constantFrom(undefined, { to: 'T' }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ is: is('invlpg'), cpu, va: page }) },
    {
      weight: 1,
      arbitrary: fc.record({
        is: is('invpcid'),
        cpu,
        va: page,
        pcid: fc.constant(0),
        global: fc.constant(false),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        is: is('invlpgb'),
        cpu,
        va: page,
        pcid: fc.constant(0),
        finalOnly: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ is: is('tlbsync'), cpu }) },
    { weight: 1, arbitrary: fc.record({ is: is('free'), frame: fc.constantFrom('X', 'Y', 'T') }) },
  )
}

function compare(pair: Pair, program: readonly Draft[]): Tried {
  let steps = 0
  for (const draft of program) {
    const event = draft.is === 'map' ? pair.entry(draft.table, draft.va, draft.word) : draft
    if (!pair.allows(event)) continue
    steps++
    const [stale, explicit] = pair.step(event)
    expect(stale, `at ${JSON.stringify(draft, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`).toEqual(
      explicit,
    )
    if (explicit.length > 0) return { violations: 1, steps }
  }
  return { violations: 0, steps }
}

function agrees(
  runs: number,
  addresses: readonly bigint[],
  evicts: boolean,
  maxLength: number,
  draft = drafts(addresses, 2),
  first: readonly Draft[] = [],
): void {
  let violations = 0
  let steps = 0
  const programs = fc.array(draft, { minLength: 3, maxLength, size: 'max' })
  fc.assert(
    fc.property(programs, (program) => {
      const tried = compare(new Pair(addresses, evicts), [...first, ...program])
      violations += tried.violations
      steps += tried.steps
    }),
    { numRuns: runs, seed },
  )
  // A comparison of two machines that never violate anything says nothing.
  expect(violations).toBeGreaterThan(runs / 10)
  expect(steps).toBeGreaterThan(runs * 2)
}

describe('stale sets and TLBs with explicit fills violate the same properties', {
  timeout: 60_000 + 50 * RUNS,
}, () => {
  it('in short programs over one address, with explicit evictions', () => agrees(RUNS / 10, [V], true, 6))
  it('in long programs over one address', () => agrees(RUNS / 2, [V], false, 30))
  it('in long programs over three addresses of two tables', () => agrees(RUNS, [V, W, U], false, 30))
  it('where fills come through upper-level entries that are stale', () =>
    agrees(Math.ceil(RUNS * 1.7), [V, W], false, 20, focused([V, W]), [{ is: 'mode', cpu: 0, user: true }]))
})
