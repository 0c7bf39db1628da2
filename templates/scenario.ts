/**
 * A scenario to start from. Check it:
 *
 *     shootdown check my-race.ts               2 CPUs
 *     shootdown check my-race.ts --cpus 2,3    a table
 *
 * It is safe as it stands. Then take out the line marked (1), or (2), or put (3) before them, and check again: each time a
 * counterexample shows, step by step, who still uses what has been freed.
 */
import {
  type Cpu,
  cpuOnlineMask,
  declareMm,
  declareSmp,
  type FrameRef,
  frame,
  freeFrame,
  invlpg,
  Machine,
  makeEntry,
  mapInitially,
  NONE,
  returnToUser,
  type Smp,
  type SmpFunction,
  scenario,
  slot,
  smpCallFunctionMany,
  smpFunction,
  type Task,
  xchgEntry,
} from 'shootdown'

/** The address that it is about. Few addresses make small state spaces: usually one will do. */
const V = 0x7000_0000_0000n

/**
 * CPU0 unmaps a page and gives it back. Code reads like the kernel's: every `yield*` is a point at which other CPUs may come
 * in between. The strings at the ends name the place for those who look for barriers that could go.
 */
function* unmapPage(cpu: Cpu, smp: Smp, flush: SmpFunction, page: FrameRef): Task<void> {
  const { machine } = cpu
  const pte = slot(machine, machine.frame('PTE'), 1, V)
  yield* xchgEntry(pte, NONE)
  yield* invlpg(cpu, V, 'unmap_page') // (1) this CPU's TLB
  yield* smpCallFunctionMany(smp, cpu, cpuOnlineMask(machine), flush, null, 'unmap_page') // (2) the others', and wait
  yield* freeFrame(machine, page) // (3) from here on anybody may own the frame
  yield* returnToUser(cpu)
}

/** The other CPUs are in user mode: they can use whatever translation their TLB holds, at any time. */
function* userCode(cpu: Cpu): Task<void> {
  yield* returnToUser(cpu)
}

export default scenario({
  name: 'my-race',
  title: 'Is a page free only when no TLB has it any more?',
  // Options of the command line that change this scenario.
  uses: ['cpus', 'memoryModel', 'levels'],
  build: ({ cpus, memoryModel, levels }) => {
    const tables = levels === 5 ? ['P4D', 'PUD', 'PMD', 'PTE'] : ['PUD', 'PMD', 'PTE']
    const machine = new Machine({
      cpus,
      memoryModel,
      levels,
      track: [V],
      frames: [
        { name: 'PGD', table: [levels], owner: { use: 'table', level: levels, space: 'mm' } },
        ...tables.map((name, i) => {
          const level = (levels - 1 - i) as 1 | 2 | 3 | 4
          return { name, table: [level], owner: { use: 'table', level, space: 'mm' } } as const
        }),
        { name: 'X', owner: { use: 'data', space: 'mm' }, count: 1 },
      ],
    })
    // What stands beside the steps of a counterexample: who may hold which stale translation.
    machine.describers.push((memory) => machine.translations.describe(memory))
    const everybody = machine.cpus.map((cpu) => cpu.id)
    const mm = declareMm(machine, 'mm', 'PGD', everybody)
    const page = machine.frame('X')
    mapInitially(machine, mm, V, tables, makeEntry(page, { writable: true, user: true }))

    const smp = declareSmp(machine)
    const flush = smpFunction(function* flushPage(cpu) {
      yield* invlpg(cpu, V, 'flush_page')
    })
    const [first, ...others] = machine.cpus
    machine.run(first!, frame(unmapPage, first!, smp, flush, page))
    for (const cpu of others) machine.run(cpu, frame(userCode, cpu))
    return machine.program()
  },
})
