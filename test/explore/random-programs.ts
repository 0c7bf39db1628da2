/** Random small programs in the tests' language. */
import fc from 'fast-check'
import type { Code, Handler, Instruction, Thread } from './language.ts'

const CELLS = ['x', 'y', 'z']
const cell = fc.constantFrom(...CELLS)
const bit = fc.integer({ min: 0, max: 1 })
const small = fc.integer({ min: 1, max: 2 })

/** Which kinds of instruction a program is made of. */
export interface Flavour {
  readonly processes: number
  readonly length: number
  readonly handlers: boolean
  /** Handlers may come any number of times: the graph of states has cycles. */
  readonly cycles?: boolean
  readonly calls?: boolean
  /** Bodies that are repeated, some of them for ever. */
  readonly loops?: boolean
  /** Values that do not fit the cells at first. */
  readonly wide?: boolean
}

function plain(flavour: Flavour): fc.Arbitrary<Instruction> {
  const value = flavour.wide === true ? fc.constantFrom(1, 2, 300, 70_000) : small
  const none: Code = []
  const store = fc.record({
    is: fc.constant('store' as const),
    cell,
    value: fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant('r' as const) }),
  })
  const load = fc.record({ is: fc.constant('load' as const), cell })
  const choices: fc.WeightedArbitrary<Instruction>[] = [
    { weight: 6, arbitrary: store },
    { weight: 5, arbitrary: load },
    { weight: 2, arbitrary: fc.record({ is: fc.constant('add' as const), cell, value: small }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constantFrom('fence' as const, 'nop' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        is: fc.constant('await' as const),
        cell,
        value: fc.integer({ min: 0, max: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('assert' as const), cell, value: small }) },
    {
      weight: 1,
      arbitrary: fc.record({ is: fc.constant('expect' as const), value: small, body: fc.constant(none) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        is: fc.constant('choose' as const),
        value: fc.constant(2),
        body: fc.constant(none),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ is: fc.constantFrom('swap' as const, 'sum' as const), cell, other: cell }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        is: fc.constantFrom('lock' as const, 'unlock' as const),
        cell: fc.constant('l'),
      }),
    },
  ]
  if (flavour.handlers) {
    choices.push(
      { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('cli' as const, 'sti' as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          is: fc.constant('ipi' as const),
          value: fc.integer({ min: 0, max: flavour.processes - 1 }),
          body: fc.constant(none),
        }),
      },
    )
  }
  return fc.oneof(...choices)
}

function code(flavour: Flavour, length: number): fc.Arbitrary<Code> {
  const step = plain(flavour)
  const body = fc.array(step, { minLength: 1, maxLength: 2 })
  const nested: fc.WeightedArbitrary<Instruction>[] = [
    { weight: 8, arbitrary: step },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('if' as const), value: bit, body }) },
  ]
  if (flavour.calls === true) {
    nested.push({ weight: 2, arbitrary: fc.record({ is: fc.constant('call' as const), body }) })
  }
  if (flavour.loops === true) {
    // A round without an operation would go round at once, for ever.
    const round = body.map((steps): Code => [...steps, { is: 'load', cell: 'x' }])
    const until = fc.integer({ min: 0, max: 3 })
    const rounds = fc.oneof(
      round,
      body.map((steps): Code => [{ is: 'load', cell: 'y' }, ...steps]),
    )
    nested.push({
      weight: 3,
      arbitrary: fc.record({ is: fc.constant('loop' as const), value: until, body: rounds }),
    })
  }
  return fc.array(fc.oneof(...nested), { minLength: 0, maxLength: length })
}

function handler(flavour: Flavour): fc.Arbitrary<Handler | undefined> {
  if (!flavour.handlers) return fc.constant(undefined)
  const budgets = flavour.cycles === true ? fc.constantFrom(1, undefined) : fc.constantFrom(1, 2)
  return fc.option(
    fc
      .record({ code: code(flavour, 2), spontaneous: fc.boolean(), budget: budgets, open: fc.boolean() })
      .map(({ budget, open, ...rest }) => ({
        ...rest,
        // Handlers that interrupt themselves without end would never come back to a state.
        open: open && !(rest.spontaneous && budget === undefined) && !code_sends(rest.code),
        ...(budget === undefined ? {} : { budget }),
      })),
    { nil: undefined, freq: 3 },
  )
}

function code_sends(steps: Code): boolean {
  return steps.some(
    (step) => step.is === 'ipi' || step.is === 'sti' || ('body' in step && code_sends(step.body)),
  )
}

/** Threads of a random program. */
export function threads(flavour: Flavour): fc.Arbitrary<readonly Thread[]> {
  const thread = fc
    .record({
      code: code(flavour, flavour.length),
      handler: handler(flavour),
      daemon: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      buffered: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    })
    .map(({ handler, ...rest }): Thread => ({ ...rest, ...(handler === undefined ? {} : { handler }) }))
  return fc.array(thread, { minLength: 2, maxLength: flavour.processes })
}
