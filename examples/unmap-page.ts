/**
 * A protocol in two orders: give the page back after every TLB has dropped it, or before. Both examples check these.
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
  type Scenario,
  type Smp,
  type SmpFunction,
  scenario,
  slot,
  smpCallFunctionMany,
  smpFunction,
  type Task,
  xchgEntry,
} from 'shootdown'

const V = 0x7000_0000_0000n

function* clearPte(cpu: Cpu): Task<void> {
  yield* xchgEntry(slot(cpu.machine, cpu.machine.frame('PTE'), 1, V), NONE)
}

function* flushEverywhere(cpu: Cpu, smp: Smp, flush: SmpFunction): Task<void> {
  yield* invlpg(cpu, V, 'unmap_page')
  yield* smpCallFunctionMany(smp, cpu, cpuOnlineMask(cpu.machine), flush, null, 'unmap_page')
}

function* flushThenFree(cpu: Cpu, smp: Smp, flush: SmpFunction, page: FrameRef): Task<void> {
  yield* clearPte(cpu)
  yield* flushEverywhere(cpu, smp, flush)
  yield* freeFrame(cpu.machine, page)
}

function* freeThenFlush(cpu: Cpu, smp: Smp, flush: SmpFunction, page: FrameRef): Task<void> {
  yield* clearPte(cpu)
  yield* freeFrame(cpu.machine, page)
  yield* flushEverywhere(cpu, smp, flush)
}

function* userCode(cpu: Cpu): Task<void> {
  yield* returnToUser(cpu)
}

function inOrder(name: string, unmap: typeof flushThenFree): Scenario {
  return scenario({
    name,
    title: 'Is the page free only when no TLB has it any more?',
    uses: ['cpus', 'memoryModel'],
    build: ({ cpus, memoryModel }) => {
      const table = (level: 1 | 2 | 3 | 4) => ({
        table: [level],
        owner: { use: 'table', level, space: 'mm' } as const,
      })
      const machine = new Machine({
        cpus,
        memoryModel,
        levels: 4,
        track: [V],
        frames: [
          { name: 'PGD', ...table(4) },
          { name: 'PUD', ...table(3) },
          { name: 'PMD', ...table(2) },
          { name: 'PTE', ...table(1) },
          { name: 'X', owner: { use: 'data', space: 'mm' }, count: 1 },
        ],
      })
      const [first, ...others] = machine.cpus
      const mm = declareMm(
        machine,
        'mm',
        'PGD',
        machine.cpus.map((cpu) => cpu.id),
      )
      const page = machine.frame('X')
      mapInitially(machine, mm, V, ['PUD', 'PMD', 'PTE'], makeEntry(page, { writable: true, user: true }))
      const smp = declareSmp(machine)
      const flush = smpFunction(function* flushPage(cpu) {
        yield* invlpg(cpu, V, 'flush_page')
      })
      machine.run(first!, frame(unmap, first!, smp, flush, page))
      for (const cpu of others) machine.run(cpu, frame(userCode, cpu))
      return machine.program()
    },
  })
}

export const rightOrder = inOrder('flush-then-free', flushThenFree)
export const wrongOrder = inOrder('free-then-flush', freeThenFlush)
