/**
 * Programs whose CPUs run the same code, in which states know of other CPUs in every way that there is: cells of one CPU and of
 * two, masks in registers, in stores and in memory.
 */
import fc from 'fast-check'
import { type Cell, CellTable, cpuName, type Permutation } from '../../../src/core/cells.ts'
import { type Footprint, type Memory, Operation, type Task } from '../../../src/core/operation.ts'
import { frame, type Process, type Program, type Source } from '../../../src/core/program.ts'
import { call } from '../../../src/core/task.ts'

export type Step =
  | { readonly is: 'store' | 'add' | 'assert'; readonly cell: string; readonly value: number }
  | { readonly is: 'load' | 'lock' | 'unlock' | 'await'; readonly cell: string }
  /** Which CPUs have set their own cell: a mask. */
  | { readonly is: 'who' }
  /** Locked: marks the CPUs of the mask, each in the cell that this CPU has for it. */
  | { readonly is: 'mark' }
  /** Locked: takes the marks that others have made for this CPU: a mask. */
  | { readonly is: 'take' }
  /** Stores the mask in memory, loads it from there. */
  | { readonly is: 'publish' | 'consult' }
  /** Interrupts everybody else, or the CPUs of the mask. */
  | { readonly is: 'interrupt'; readonly whom: 'all' | 'mask' }
  | { readonly is: 'fence' | 'cli' | 'sti' }
  | { readonly is: 'choose' }
  /** Fails if the register is this. */
  | { readonly is: 'expect'; readonly value: number }
  | { readonly is: 'if'; readonly value: number; readonly body: readonly Step[] }
  | { readonly is: 'call'; readonly body: readonly Step[] }
  /** Treats one CPU otherwise than others: what no declaration says. */
  | { readonly is: 'lie'; readonly how: Lie; readonly cpu: number }

/** Stores its own number; waits for, or asserts something of, one CPU's own cell; knows a mask as a number; picks the first of all. */
export type Lie = 'own number' | 'one cell' | 'mask as number' | 'first' | 'other code'

export interface Plan {
  readonly cpus: number
  readonly code: readonly Step[]
  readonly handler: readonly Step[] | undefined
  /** A handler that comes by itself: so many times, or any number of times. */
  readonly spontaneous: number | 'always' | undefined
  /** What CPU0 runs, if it is not one of the others. */
  readonly leader: readonly Step[] | undefined
  readonly buffered: boolean
}

/** Raw values that are masks begin here. */
export const MASKS = 64

/** Makes the program of a plan. */
export function build({ cpus, code, handler, spontaneous, leader, buffered }: Plan): Program {
  const cells = new CellTable()
  const everybody = Array.from({ length: cpus }, (_, cpu) => cpu)
  const shared = new Map(['x', 'y', 'l'].map((name) => [name, cells.add(name, 2)]))
  const own = cells.addPerCpu('own', cpus, 2)
  const enabled = cells.addPerCpu('IF', cpus, 1, 1)
  const pending = cells.addPerCpu('pending', cpus, 1)
  const budget = cells.addPerCpu('budget', cpus, 2, typeof spontaneous === 'number' ? spontaneous : 0)
  const marks = everybody.map((from) => everybody.map((to) => cells.add(cpuName`mark[${from}->${to}]`, 1)))
  const published = cells.add('published', 4, 0, renamedMask)
  const cellOf = (cpu: number, name: string): Cell => (name === 'o' ? own[cpu]! : shared.get(name)!)

  const operation = (
    kind: 'load' | 'rmw' | 'wait' | 'lock' | 'fence' | 'ipi' | 'cli' | 'assert' | 'local' | 'choose',
    label: string,
    footprint: Footprint,
    rest: Partial<ConstructorParameters<typeof Operation<number>>[0]> = {},
  ) => new Operation<number>({ kind, label, footprint: () => footprint, decode: (raw) => raw, ...rest })
  const store = (cell: Cell, value: number) =>
    new Operation<number>({
      kind: 'store',
      label: `${cells.name(cell)} = ${value}`,
      decode: (raw) => raw,
      commit: {
        key: `${cells.name(cell)} = ${value}`,
        cell,
        value,
        label: `${cells.name(cell)} = ${value}`,
        footprint: () => ({ writes: [cell] }),
        apply: (memory) => memory.set(cell, value),
      },
    })
  const effect = (apply: (memory: Memory) => void) => ({
    apply: (memory: Memory) => {
      apply(memory)
      return 0
    },
  })

  interface Registers {
    r: number
    mask: number
  }

  function* run(cpu: number, steps: readonly Step[], at: Registers): Task<void> {
    for (const step of steps) {
      switch (step.is) {
        case 'store':
          yield* store(cellOf(cpu, step.cell), step.value)
          break
        case 'load': {
          const x = cellOf(cpu, step.cell)
          at.r = yield* operation('load', 'load', { loads: [x] }, { apply: (memory) => memory.load(x) })
          break
        }
        case 'add': {
          const x = cellOf(cpu, step.cell)
          at.r = yield* operation(
            'rmw',
            'add',
            { reads: [x], writes: [x] },
            {
              drains: true,
              apply: (memory) => {
                const old = memory.get(x)
                memory.set(x, (old + step.value) % 4)
                return old
              },
            },
          )
          break
        }
        case 'await': {
          const x = cellOf(cpu, step.cell)
          yield* operation('wait', 'await', { loads: [x] }, { guard: (memory) => memory.load(x) === 1 })
          break
        }
        case 'lock': {
          const x = cellOf(cpu, step.cell)
          const guard = (memory: Memory) => memory.get(x) === 0
          const footprint = { reads: [x], writes: [x] }
          yield* operation('lock', 'lock', footprint, {
            drains: true,
            guard,
            ...effect((memory) => memory.set(x, 1)),
          })
          break
        }
        case 'unlock':
          yield* store(cellOf(cpu, step.cell), 0)
          break
        case 'assert': {
          const x = cellOf(cpu, step.cell)
          yield* operation(
            'assert',
            'assert',
            { reads: [x] },
            effect((memory) => {
              if (memory.get(x) === step.value)
                memory.violate({ property: 'assertion', message: `a cell is ${step.value}`, cells: [x] })
            }),
          )
          break
        }
        case 'who':
          learn(
            at,
            yield* operation(
              'load',
              'who',
              { loads: own },
              {
                apply: (memory) => MASKS + maskOf(everybody.filter((other) => memory.load(own[other]!) > 0)),
              },
            ),
          )
          break
        case 'mark': {
          const marked = everybody
            .filter((other) => (at.mask >> other) & 1)
            .map((other) => marks[cpu]![other]!)
          yield* operation(
            'rmw',
            'mark',
            { writes: marked },
            {
              drains: true,
              ...effect((memory) => {
                for (const mark of marked) memory.set(mark, 1)
              }),
            },
          )
          break
        }
        case 'take': {
          const mine = everybody.map((from) => marks[from]![cpu]!)
          learn(
            at,
            yield* operation(
              'rmw',
              'take',
              { reads: mine, writes: mine },
              {
                drains: true,
                apply: (memory) => {
                  const from = everybody.filter((other) => memory.get(mine[other]!) === 1)
                  for (const other of from) memory.set(mine[other]!, 0)
                  return MASKS + maskOf(from)
                },
              },
            ),
          )
          break
        }
        case 'publish':
          yield* store(published, at.mask)
          break
        case 'consult':
          learn(
            at,
            yield* operation(
              'load',
              'consult',
              { loads: [published] },
              { apply: (memory) => MASKS + memory.load(published) },
            ),
          )
          break
        case 'interrupt': {
          const whom = everybody.filter((other) =>
            step.whom === 'all' ? other !== cpu : (at.mask >> other) & 1,
          )
          const bits = whom.map((other) => pending[other]!)
          yield* operation(
            'ipi',
            'interrupt',
            { writes: bits },
            effect((memory) => {
              for (const bit of bits) memory.set(bit, 1)
            }),
          )
          break
        }
        case 'fence':
          yield* operation('fence', 'fence', {}, { drains: true })
          break
        case 'cli':
        case 'sti':
          yield* interrupts(cpu, step.is === 'cli' ? 0 : 1)
          break
        case 'choose':
          at.r = yield* operation('choose', 'choose', {}, { choices: 2, apply: (_, choice) => choice })
          break
        case 'expect':
          if (at.r !== step.value) break
          yield* operation(
            'assert',
            'expect',
            {},
            effect((memory) =>
              memory.violate({ property: 'assertion', message: `r is ${step.value}`, cells: [] }),
            ),
          )
          break
        case 'if':
          if (at.r === step.value) yield* run(cpu, step.body, at)
          break
        case 'call':
          at.r = yield* call(helper, cpu, JSON.stringify(step.body), at.mask)
          break
        case 'lie':
          yield* lie(cpu, step.how, step.cpu % cpus, at)
          break
        default:
          throw new Error(`no step ${JSON.stringify(step satisfies never)}`)
      }
    }
  }

  function* lie(cpu: number, how: Lie, about: number, at: Registers): Task<void> {
    const x = shared.get('x')!
    const target = own[about]!
    switch (how) {
      case 'own number':
        yield* store(x, cpu)
        break
      case 'one cell':
        at.r = yield* operation(
          'load',
          'load',
          { loads: [target] },
          { apply: (memory) => memory.load(target) },
        )
        break
      case 'mask as number':
        at.r = at.mask
        break
      case 'first':
        at.r = yield* operation(
          'load',
          'first',
          { loads: own },
          { apply: (memory) => 1 + own.findIndex((cell) => memory.load(cell) > 0) },
        )
        break
      case 'other code':
        if (cpu === about) yield* operation('fence', 'fence', {}, { drains: true })
        break
      default:
        throw new Error(`no lie ${how satisfies never}`)
    }
  }

  function learn(at: Registers, raw: number): void {
    at.mask = raw - MASKS
    at.r = everybody.filter((cpu) => (at.mask >> cpu) & 1).length
  }

  function interrupts(cpu: number, on: number) {
    const flag = enabled[cpu]!
    return operation(
      'cli',
      'interrupts',
      { writes: [flag] },
      effect((memory) => memory.set(flag, on)),
    )
  }

  function* helper(cpu: number, body: string, mask: number): Task<number> {
    const at = { r: 0, mask }
    yield* run(cpu, JSON.parse(body) as Step[], at)
    return at.r % 2
  }
  function* main(cpu: number): Task<void> {
    yield* run(cpu, code, { r: 0, mask: 0 })
  }
  function* lead(cpu: number): Task<void> {
    yield* run(cpu, leader ?? [], { r: 0, mask: 0 })
  }
  function* handle(cpu: number): Task<void> {
    yield* run(cpu, handler ?? [], { r: 0, mask: 0 })
    yield* interrupts(cpu, 1)
  }

  const processes = everybody.map((cpu): Process => {
    const [flag, bit, left] = [enabled[cpu]!, pending[cpu]!, budget[cpu]!]
    const touched = spontaneous === undefined ? [bit] : spontaneous === 'always' ? [] : [left]
    const source: Source = {
      name: 'handler',
      label: '<handler>',
      footprint: { reads: [flag, ...touched], writes: [flag, ...touched] },
      drains: true,
      masked: (memory) => memory.get(flag) === 0,
      ready: (memory) =>
        spontaneous === undefined ? memory.get(bit) === 1 : spontaneous === 'always' || memory.get(left) > 0,
      enter: (memory) => {
        memory.set(flag, 0)
        if (spontaneous === undefined) memory.set(bit, 0)
        else if (spontaneous !== 'always') memory.set(left, memory.get(left) - 1)
        return 0
      },
      frame: () => frame(handle, cpu),
    }
    return {
      name: `P${cpu}`,
      cpu,
      main: cpu === 0 && leader !== undefined ? frame(lead, cpu) : frame(main, cpu),
      sources: handler === undefined ? [] : [source],
      buffered,
      daemon: false,
    }
  })
  return { cells, processes, bounds: [] }
}

export function maskOf(cpus: readonly number[]): number {
  return cpus.reduce((mask, cpu) => mask | (1 << cpu), 0)
}

export function renamedMask(mask: number, permutation: Permutation): number {
  return maskOf([...permutation.keys()].filter((cpu) => (mask >> cpu) & 1).map((cpu) => permutation[cpu]!))
}

/** What random plans are made of. */
export interface Flavour {
  readonly cpus: number
  readonly length: number
  readonly handlers?: boolean
  readonly always?: boolean
  readonly lies?: boolean
  /** Values that do not fit their cells at first (and are smaller than {@link MASKS}). */
  readonly wide?: boolean
  readonly leader: boolean
}

function steps({ handlers, lies, wide, cpus, length }: Flavour): fc.Arbitrary<readonly Step[]> {
  const cell = fc.constantFrom('x', 'y', 'o', 'o')
  const value = wide === true ? fc.constantFrom(1, 2, 9, 60) : fc.integer({ min: 1, max: 2 })
  const is = <T extends string>(...kinds: readonly T[]) => fc.constantFrom(...kinds)
  const kinds: fc.WeightedArbitrary<Step>[] = [
    { weight: 6, arbitrary: fc.record({ is: is('store'), cell, value }) },
    { weight: 4, arbitrary: fc.record({ is: is('load'), cell }) },
    { weight: 2, arbitrary: fc.record({ is: is('add'), cell, value }) },
    { weight: 1, arbitrary: fc.record({ is: is('assert'), cell, value }) },
    { weight: 1, arbitrary: fc.record({ is: is('await'), cell }) },
    { weight: 1, arbitrary: fc.record({ is: is('lock', 'unlock'), cell: fc.constant('l') }) },
    { weight: 6, arbitrary: fc.record({ is: is('who', 'mark', 'take', 'publish', 'consult') }) },
    { weight: 1, arbitrary: fc.record({ is: is('fence', 'choose') }) },
    { weight: 1, arbitrary: fc.record({ is: is('expect'), value }) },
  ]
  if (handlers === true) {
    kinds.push(
      { weight: 1, arbitrary: fc.record({ is: is('cli', 'sti') }) },
      { weight: 3, arbitrary: fc.record({ is: is('interrupt'), whom: is('all', 'mask') }) },
    )
  }
  if (lies === true) {
    const how = is<Lie>('own number', 'one cell', 'mask as number', 'first', 'other code')
    const about = fc.integer({ min: 0, max: cpus - 1 })
    kinds.push({ weight: 8, arbitrary: fc.record({ is: is('lie'), how, cpu: about }) })
  }
  const step = fc.oneof(...kinds)
  const body = fc.array(step, { minLength: 1, maxLength: 2 })
  const nested: fc.WeightedArbitrary<Step>[] = [
    { weight: 8, arbitrary: step },
    { weight: 1, arbitrary: fc.record({ is: is('if'), value: fc.integer({ min: 0, max: 1 }), body }) },
    { weight: 1, arbitrary: fc.record({ is: is('call'), body }) },
  ]
  return fc.array(fc.oneof(...nested), { minLength: 1, maxLength: length })
}

/** Random plans. */
export function plans(flavour: Flavour): fc.Arbitrary<Plan> {
  const short = { ...flavour, length: 2 }
  return fc.record({
    cpus: fc.constant(flavour.cpus),
    code: steps(flavour),
    handler: flavour.handlers === true ? steps(short) : fc.constant(undefined),
    spontaneous:
      flavour.always === true
        ? fc.constant('always' as const)
        : fc.constantFrom<(1 | undefined)[]>(undefined, undefined, 1),
    leader: flavour.leader ? steps(flavour) : fc.constant(undefined),
    buffered: fc.integer({ min: 0, max: 2 }).map((n) => n > 0),
  })
}
