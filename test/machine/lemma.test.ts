/**
 * The lemma of checks.ts, and every footprint of the machine: on random programs of page-table stores, invalidations, mode
 * changes, frees and promises the reduced search finds violations on exactly those CPUs on which the full one does.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Operation, Task } from '../../src/core/operation.ts'
import { frame } from '../../src/core/program.ts'
import { collect } from '../../src/explore/collect.ts'
import { NONE } from '../../src/machine/entries.ts'
import { freeFrame } from '../../src/machine/frames.ts'
import { declareVector, sendIpi } from '../../src/machine/interrupts.ts'
import type { Cpu } from '../../src/machine/machine.ts'
import { accessAddress, enterKernel, returnToUser } from '../../src/machine/modes.ts'
import { slot, writeEntry, xchgEntry } from '../../src/machine/paging.ts'
import { commitCopy, copyFrame, promise } from '../../src/machine/promises.ts'
import { invlpg, invlpgb, invpcidContext, movCr3, reloadCr3, tlbsync } from '../../src/machine/tlb.ts'
import { Bench, V } from './bench.ts'

const RUNS = Number(process.env.RUNS ?? 250)
const seed = process.env.SEED === undefined ? 20_170_812 : Number(process.env.SEED)
const TIMEOUT = 60_000 + 200 * RUNS
const SITE = 'test'

type Make = (bench: Bench, cpu: Cpu) => readonly Operation<unknown>[]

const pte = (bench: Bench) => slot(bench.machine, bench.frame('T'), 1, V)
const pmd = (bench: Bench) => slot(bench.machine, bench.frame('PMD'), 2, V)

/** What CPUs do; pairs that only make sense together are one item. */
const INSTRUCTIONS: Record<string, Make> = {
  'PTE = none': (bench) => [writeEntry(pte(bench), NONE)],
  'PTE = Y': (bench) => [writeEntry(pte(bench), bench.to('Y'))],
  'PTE = X, read-only': (bench) => [writeEntry(pte(bench), bench.to('X', { user: true }))],
  'xchg PTE': (bench) => [xchgEntry(pte(bench), NONE)],
  'PMD = none': (bench) => [writeEntry(pmd(bench), NONE)],
  'PMD = T': (bench) => [writeEntry(pmd(bench), bench.to('T'))],
  'xchg PMD': (bench) => [xchgEntry(pmd(bench), NONE)],
  invlpg: (_, cpu) => [invlpg(cpu, V, SITE)],
  invpcid: (_, cpu) => [invpcidContext(cpu, 0, SITE)],
  reload: (_, cpu) => [reloadCr3(cpu, SITE)],
  'CR3 = b': (bench, cpu) => [movCr3(cpu, bench.b, 1, 'no-flush')],
  'CR3 = a': (bench, cpu) => [movCr3(cpu, bench.a, 0, 'no-flush')],
  user: (_, cpu) => [returnToUser(cpu)],
  kernel: (_, cpu) => [enterKernel(cpu)],
  access: (_, cpu) => [accessAddress(cpu, V)],
  exit: ({ host }, cpu) => [host.vmExit(cpu, 'exit'), host.tryEntry(cpu)],
  'free X': (bench) => [freeFrame(bench.machine, bench.frame('X'))],
  'free T': (bench) => [freeFrame(bench.machine, bench.frame('T'))],
  unmapped: (bench) => [promise(bench.machine, bench.a, V, { frames: [], writable: false })],
  copy: ({ machine }) => [
    copyFrame(machine, machine.frame('X'), machine.frame('Z')),
    commitCopy(machine, machine.frame('X')),
  ],
  broadcast: (_, cpu) => [invlpgb(cpu, SITE, { va: V }), tlbsync(cpu, SITE)],
}

type Thread = readonly string[]
const instruction = fc.constantFrom(...Object.keys(INSTRUCTIONS), 'IPI')
const thread = fc.array(instruction, { minLength: 1, maxLength: 4 })

function program(threads: readonly Thread[], handler: Thread) {
  const bench = new Bench({ memoryModel: 'tso', track: [V], contexts: 2, invlpgb: true, copies: true })
  bench.map(V, 'X')
  const { machine } = bench
  function* run(cpu: Cpu, code: Thread): Task<void> {
    for (const name of code) {
      if (name === 'IPI') yield* sendIpi(vector, 2n, SITE)
      else for (const operation of INSTRUCTIONS[name]!(bench, cpu)) yield* operation
    }
  }
  const vector = declareVector(machine, 'IPI', (cpu) =>
    run(
      cpu,
      handler.filter((name) => name !== 'IPI'),
    ),
  )
  bench.do(enterKernel(bench.cpu(0)))
  for (const [cell, value] of bench.values.entries()) machine.cells.setInitial(cell as never, value)
  for (const [id, code] of threads.entries()) machine.run(bench.cpu(id), frame(run, bench.cpu(id), code))
  return machine.program()
}

/** Who violates something. Which property of several is named first depends on whether a translation is stale yet. */
function blamed(violations: ReadonlySet<string>): string[] {
  return [...new Set([...violations].map((text) => text.slice(0, text.indexOf(':'))))].sort()
}

it(
  'the reduced search finds violations where the full one does',
  () => {
    let unsafe = 0
    fc.assert(
      fc.property(thread, thread, fc.array(instruction, { maxLength: 2 }), (first, second, handler) => {
        const full = collect(program([first, second], handler), { persistentSets: false, maxStates: 20_000 })
        if (full.search.outcome !== 'complete') return
        const reduced = collect(program([first, second], handler))
        if (full.violations.size > 0) unsafe++
        expect(blamed(reduced.violations)).toEqual(blamed(full.violations))
      }),
      { numRuns: RUNS, seed },
    )
    expect(unsafe).toBeGreaterThan(RUNS / 10)
  },
  TIMEOUT,
)
