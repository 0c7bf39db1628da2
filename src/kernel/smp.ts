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
import { Operation, type Task } from '../core/operation.ts'
import { type Handle, newHandleId, type Plain } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { declareVector, sendIpi, type Vector } from '../machine/interrupts.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { type Made, madeAt } from '../machine/made.ts'
import { type CpuMask, cpuBit, cpusOf, showMask } from '../machine/masks.ts'
import { load, store, waitUntilAll } from '../machine/variables.ts'
import {
  type CallData,
  type CallQueue,
  declareCallData,
  declareCallQueue,
  waitUntilUnlocked,
} from './call-data.ts'
import type { SmpFunction } from './smp-function.ts'

/** Cross-CPU calls of one machine. */
export interface Smp extends Handle {
  readonly machine: Machine
  readonly csd: CallData
  /** Per target. */
  readonly queues: readonly CallQueue[]
  readonly vector: Vector
  /** The only CPU that calls others, where the scenario knows it: see {@link queueOnAll}. */
  readonly onlyCaller?: number
  /** Per source: waits for the acknowledgements of the targets of a mask, by site. */
  readonly waits: readonly Map<string, Made<CpuMask>>[]
}

/** @param onlyCaller - the only CPU that ever calls others, if that is known; another one that does is an error */
export function declareSmp(machine: Machine, onlyCaller?: number): Smp {
  const smp: Smp = {
    handleId: newHandleId(),
    machine,
    csd: declareCallData(machine),
    queues: machine.cpus.map((cpu) => declareCallQueue(machine, cpu)),
    vector: declareVector(machine, 'IPI', (cpu) => flushSmpCallFunctionQueue(smp, cpu)),
    ...(onlyCaller !== undefined && { onlyCaller }),
    waits: machine.cpus.map(() => new Map()),
  }
  if (smp.csd.goal !== undefined) machine.goals.push(smp.csd.goal)
  return smp
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
  const csds = cpusOf(targets).map((target) => smp.csd.of(source.id, target))
  const entries = cpusOf(targets).map((target) => smp.queues[target]!.entry(source.id))
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

/** Runs what is queued for this CPU; the call data is released after the function (synchronous calls). */
function* flushSmpCallFunctionQueue(smp: Smp, cpu: Cpu): Task<void> {
  for (const source of yield* smp.queues[cpu.id]!.takeAll()) {
    const csd = smp.csd.of(source, cpu.id)
    const data = yield* load(csd)
    if (data === null) continue
    yield* call(data.func.run, cpu, data.info)
    yield* store(csd, null)
  }
}

/** Waits with targets that are kept, and for how many sets of them; with more of them it is made each time. */
const MOST_TARGETS_KEPT = 64
const MASKS_KEPT = 8

/** `csd_lock_wait()` for every target: until each has unlocked its call data. */
function waitForAcknowledgements(smp: Smp, cpu: Cpu, targets: CpuMask, site: string): Operation<void> {
  const make = () => {
    const csds = cpusOf(targets).map((target) => smp.csd.of(cpu.id, target))
    const cells = csds.map((csd) => csd.cell)
    return new Operation<void>({
      kind: 'wait',
      label: 'wait for acknowledgements',
      footprint: () => ({ loads: cells }),
      conjuncts: csds.map(({ cell, encode }) => {
        const unlocked = encode(null)
        return (memory) => memory.load(cell) === unlocked
      }),
      removable: { what: 'wait', site: `${site}: csd_lock_wait` },
    })
  }
  if (smp.machine.cpus.length > MOST_TARGETS_KEPT) return make()
  return madeAt(smp.waits[cpu.id]!, site, MASKS_KEPT).of(targets, make)
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
  const data = { func, info }
  const cpus = cpusOf(targets)
  let interrupted = 0n
  if (isOnlyCaller(smp, cpu) && cpus.length > 1) {
    const unlocked = ([csd]: readonly unknown[]) => csd === null
    yield* waitUntilAll(
      cpus.map((target) => ({ variables: [smp.csd.of(cpu.id, target)], holds: unlocked })),
      `csd_lock(CPUs ${showMask(targets)})`,
    )
    yield* queueOnAll(smp, cpu, targets, data)
    interrupted = targets
  } else {
    for (const target of cpus) {
      const csd = smp.csd.of(cpu.id, target)
      yield* waitUntilUnlocked(csd, target)
      yield* store(csd, data)
      if (yield* smp.queues[target]!.add(cpu.id)) interrupted |= cpuBit(target)
    }
  }
  if (interrupted !== 0n) yield* sendIpi(smp.vector, interrupted, site)
  if (meanwhile !== undefined) yield* meanwhile()
  yield* waitForAcknowledgements(smp, cpu, targets, site)
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
