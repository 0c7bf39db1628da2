/**
 * Cross-CPU function calls (kernel/smp.c): per-CPU call data, a queue per target, an IPI, and an acknowledgement.
 *
 *   CPU0  smp_call_function_many            CPU1  generic_smp_call_function_single_interrupt
 *     csd[1] = { func, info }   (locked)      <IPI, only with IF=1>
 *     llist_add(csd[1], queue[1])             take the whole queue
 *     IPI {1}                                 func(info)
 *     wait until csd[1] is unlocked           csd[1] = unlocked
 *
 * That the call returns only after every target has taken an interrupt is what makes an IPI a barrier for code that runs
 * with interrupts off.
 */
import { type Cell, cpuName } from '../core/cells.ts'
import { Operation, type Task } from '../core/operation.ts'
import { type Handle, newHandleId, type Plain } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { declareVector, sendIpi, type Vector } from '../machine/interrupts.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import {
  type CpuMask,
  cpuBit,
  cpusOf,
  load,
  showMask,
  store,
  type Variable,
  waitUntil,
  waitUntilAll,
} from '../machine/variables.ts'

/** A function that can be called on another CPU; made once per machine. */
export interface SmpFunction extends Handle {
  readonly run: (cpu: Cpu, info: Plain) => Task<void>
}

/** Names a function for {@link smpCallFunctionMany}. */
export function smpFunction(run: (cpu: Cpu, info: Plain) => Task<void>): SmpFunction {
  return { handleId: newHandleId(), run }
}

/** A locked `call_single_data`; null when it is unlocked. */
type CallSingleData = { readonly func: SmpFunction; readonly info: Plain } | null

/** The call data of one machine. */
export interface Smp extends Handle {
  readonly machine: Machine
  /** `csd[source][target]`. */
  readonly csd: readonly (readonly Variable<CallSingleData>[])[]
  /** `queue[target][source]`: the call data is on the target's queue. */
  readonly queue: readonly (readonly Variable<number>[])[]
  readonly vector: Vector
  /** The only CPU that calls others, where the scenario knows it: see {@link queueOnAll}. */
  readonly onlyCaller?: number
}

/** @param onlyCaller - the only CPU that ever calls others, if that is known; another one that does is an error */
export function declareSmp(machine: Machine, onlyCaller?: number): Smp {
  const ids = machine.cpus.map((cpu) => cpu.id)
  const csd = ids.map((source) =>
    ids.map((target) =>
      machine.plainVariable<CallSingleData>(cpuName`csd[${source}->${target}]`, null, (data) =>
        data === null ? 'unlocked' : 'locked',
      ),
    ),
  )
  const queue = ids.map((target) =>
    ids.map((source) => machine.variable(cpuName`queue[${target}] of CPU${source}`)),
  )
  const smp: Smp = {
    handleId: newHandleId(),
    machine,
    csd,
    queue,
    vector: declareVector(machine, 'IPI', function* genericSmpCallFunctionSingleInterrupt(cpu) {
      yield* flushSmpCallFunctionQueue(smp, cpu)
    }),
    ...(onlyCaller !== undefined && { onlyCaller }),
  }
  const calls = csd.flat()
  machine.goals.push({
    name: 'a CPU calls others by IPI and waits for them',
    cells: () => calls.map((data) => data.cell),
    holds: (memory) => calls.some((data) => data.decode(memory.get(data.cell)) !== null),
  })
  return smp
}

/** `llist_add()`: a locked exchange; gives true if the queue was empty, so that an IPI is due. */
function llistAdd(smp: Smp, source: Cpu, target: number): Operation<boolean> {
  const cells = smp.queue[target]!.map((entry) => entry.cell)
  return new Operation<boolean>({
    kind: 'rmw',
    label: `queue csd on CPU${target}`,
    drains: true,
    footprint: () => ({ reads: cells, writes: [cells[source.id]!] }),
    apply: (memory) => {
      const empty = cells.every((cell) => memory.get(cell) === 0)
      memory.set(cells[source.id]!, 1)
      return empty ? 1 : 0
    },
    decode: (raw) => raw === 1,
  })
}

/**
 * Call data for several targets at once: the loop of {@link smpCallFunctionMany} as one step, where nobody can tell. With one
 * caller nobody but the target looks at its queue and its call data, and no target does before it gets an IPI, which comes after
 * the loop; so whatever others do between two rounds of the loop they might as well do before or after all of it, and
 * every queue is found empty. What is gained: no state in which CPU0 has got as far as one of several targets that are
 * otherwise alike, so that targets stay interchangeable.
 */
function queueOnAll(
  smp: Smp,
  source: Cpu,
  targets: CpuMask,
  data: { readonly func: SmpFunction; readonly info: Plain },
): Operation<void> {
  const csds = cpusOf(targets).map((target) => smp.csd[source.id]![target]!)
  const entries = cpusOf(targets).map((target) => smp.queue[target]![source.id]!.cell)
  return new Operation<void>({
    kind: 'rmw',
    label: `queue csd on CPUs ${showMask(targets)}`,
    drains: true,
    footprint: () => ({ writes: [...csds.map((csd) => csd.cell), ...entries] }),
    apply: (memory) => {
      for (const csd of csds) memory.set(csd.cell, csd.encode(data))
      for (const entry of entries) memory.set(entry, 1)
      return 0
    },
  })
}

/** `llist_del_all()`: takes the whole queue in one locked exchange; gives the sources. */
function llistDelAll(smp: Smp, cpu: Cpu): Operation<CpuMask> {
  const cells = smp.queue[cpu.id]!.map((entry) => entry.cell)
  if (cells.length > NARROW) return llistDelAllWide(cells)
  return new Operation<CpuMask>({
    kind: 'rmw',
    label: 'take queue',
    drains: true,
    footprint: () => ({ reads: cells, writes: cells }),
    apply: (memory) => {
      let taken = 0
      for (let source = 0; source < cells.length; source++) {
        if (memory.get(cells[source]!) === 0) continue
        memory.set(cells[source]!, 0)
        taken |= 1 << source
      }
      return taken
    },
    decode: (raw) => BigInt(raw),
  })
}

/** Sources that fit into one raw value. */
const NARROW = 30

/** The same for more CPUs than one raw value has bits, under a clock: the mask is looked at right after it is taken. */
function llistDelAllWide(cells: readonly Cell[]): Operation<CpuMask> {
  let taken = 0n
  return new Operation<CpuMask>({
    kind: 'rmw',
    label: 'take queue',
    drains: true,
    footprint: () => ({ reads: cells, writes: cells }),
    apply: (memory) => {
      taken = 0n
      for (let source = 0; source < cells.length; source++) {
        if (memory.get(cells[source]!) === 0) continue
        memory.set(cells[source]!, 0)
        taken |= cpuBit(source)
      }
      return 0
    },
    decode: () => taken,
  })
}

/** Runs what is queued for this CPU; the call data is released after the function (synchronous calls). */
function* flushSmpCallFunctionQueue(smp: Smp, cpu: Cpu): Task<void> {
  const sources = yield* llistDelAll(smp, cpu)
  for (const source of cpusOf(sources)) {
    const csd = smp.csd[source]![cpu.id]!
    const data = yield* load(csd)
    if (data === null) continue
    yield* call(data.func.run, cpu, data.info)
    yield* store(csd, null)
  }
}

/**
 * Calls a function on the CPUs of a mask except this one, and waits until each has run it.
 *
 * @param site - the caller, for mutants
 * @param meanwhile - what this CPU does before it waits (`smp_call_function_many_cond` with `SCF_RUN_LOCAL`)
 */
export function* smpCallFunctionMany(
  smp: Smp,
  cpu: Cpu,
  mask: CpuMask,
  func: SmpFunction,
  info: Plain,
  site: string,
  meanwhile?: () => Task<void>,
): Task<void> {
  const targets = mask & ~cpuBit(cpu.id)
  if (targets === 0n) {
    if (meanwhile !== undefined) yield* meanwhile()
    return
  }
  const own = smp.csd[cpu.id]!
  const cpus = cpusOf(targets)
  let interrupted = 0n
  if (isOnlyCaller(smp, cpu) && cpus.length > 1) {
    const unlocked = ([data]: readonly unknown[]) => data === null
    yield* waitUntilAll(
      cpus.map((target) => ({ variables: [own[target]!], holds: unlocked })),
      `csd_lock(CPUs ${showMask(targets)})`,
    )
    yield* queueOnAll(smp, cpu, targets, { func, info })
    interrupted = targets
  } else {
    for (const target of cpus) {
      const csd = own[target]!
      yield* waitUntil([csd], `csd_lock(CPU${target})`, ([data]) => data === null)
      yield* store(csd, { func, info })
      if (yield* llistAdd(smp, cpu, target)) interrupted |= cpuBit(target)
    }
  }
  if (interrupted !== 0n) yield* sendIpi(smp.vector, interrupted, site)
  if (meanwhile !== undefined) yield* meanwhile()
  yield* waitUntilAll(
    cpus.map((target) => ({ variables: [own[target]!], holds: ([csd]) => csd === null })),
    'wait for acknowledgements',
    { what: 'wait', site: `${site}: csd_lock_wait` },
  )
}

/** Whether {@link queueOnAll} may stand for the loop over the targets. */
function isOnlyCaller({ onlyCaller, machine }: Smp, cpu: Cpu): boolean {
  if (onlyCaller !== undefined && onlyCaller !== cpu.id)
    throw new RangeError(`CPU${cpu.id} calls others by IPI, and only CPU${onlyCaller} was to`)
  return onlyCaller !== undefined && !machine.timed
}

/** The mask of every CPU. */
export function cpuOnlineMask(machine: Machine): CpuMask {
  return (1n << BigInt(machine.cpus.length)) - 1n
}
