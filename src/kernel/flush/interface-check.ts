/**
 * The `interface` property for flush backends (MACHINE 5.6): what the kernel asks must be asked of the hypervisor or of the
 * native fall-back. Ghost state only: a CPU is *needed* if it is in the mask when the request begins and has not left the
 * mask since, and it must have been *reached* by the end.
 */
import { cpuName } from '../../core/cells.ts'
import { NOTHING, Operation, type Step } from '../../core/operation.ts'
import type { Plain } from '../../core/plain.ts'
import type { Cpu, Machine } from '../../machine/machine.ts'
import { type CpuMask, cpuBit, renamedMask, showMask } from '../../machine/masks.ts'
import type { Variable } from '../../machine/variables.ts'
import type { Mm } from '../mm.ts'

/** The request that a CPU is serving; null when none. */
interface Request {
  readonly [key: string]: Plain
  readonly mm: Mm
  readonly start: bigint
  readonly end: bigint
  readonly needed: CpuMask
}

export interface FlushChecks {
  readonly requests: readonly Variable<Request | null>[]
}

export function declareFlushChecks(machine: Machine): FlushChecks {
  return {
    requests: machine.cpus.map(({ id }) =>
      machine.plainVariable<Request | null>(
        cpuName`request[${id}]`,
        null,
        undefined,
        (request, permutation) => request && { ...request, needed: renamedMask(request.needed, permutation) },
      ),
    ),
  }
}

/** Under a clock nothing is checked. */
const NOT_CHECKED: Iterable<Step, undefined, unknown> = NOTHING

/** A request begins. Gives the one that it interrupts, which {@link endRequest} puts back. */
export function beginRequest(
  checks: FlushChecks,
  cpu: Cpu,
  range: { readonly mm: Mm; readonly start: bigint; readonly end: bigint },
): Iterable<Step, Plain, unknown> {
  const request = checks.requests[cpu.id]!
  if (request.timed === true) return NOT_CHECKED
  const mask = range.mm.cpumask.map((flag) => flag.cell)
  return new Operation<Plain>({
    kind: 'local',
    label: 'the flush is asked for',
    footprint: () => ({ reads: mask, writes: [request.cell] }),
    apply: (memory) => {
      const outer = memory.get(request.cell)
      let needed = 0n
      for (let other = 0; other < mask.length; other++) {
        if (other !== cpu.id && memory.get(mask[other]!) === 1) needed |= cpuBit(other)
      }
      memory.set(request.cell, request.encode({ ...range, needed }))
      return outer
    },
    decode: (raw) => request.decode(raw),
  })
}

/**
 * The backend has reached some CPUs for a range: by hypercall or by IPI.
 *
 * @param reached - the CPUs, with the range that was asked for on them
 */
export function noteReached(
  checks: FlushChecks,
  cpu: Cpu,
  reached: { readonly mask: CpuMask; readonly start: bigint; readonly end: bigint },
): Iterable<Step, void, unknown> {
  const request = checks.requests[cpu.id]!
  if (request.timed === true) return NOT_CHECKED
  return new Operation<void>({
    kind: 'local',
    label: `reached ${showMask(reached.mask)}`,
    footprint: () => ({ reads: [request.cell], writes: [request.cell] }),
    apply: (memory) => {
      const now = request.decode(memory.get(request.cell))
      if (now === null) return 0
      const covers = reached.start <= now.start && reached.end >= now.end
      const needed = covers ? now.needed & ~reached.mask : now.needed
      memory.set(request.cell, request.encode({ ...now, needed }))
      return 0
    },
  })
}

/** The backend returns: every needed CPU must have been reached. */
export function endRequest(checks: FlushChecks, cpu: Cpu, outer: Plain): Iterable<Step, void, unknown> {
  const request = checks.requests[cpu.id]!
  if (request.timed === true) return NOT_CHECKED
  return new Operation<void>({
    kind: 'local',
    label: 'the flush returns',
    footprint: () => ({ reads: [request.cell], writes: [request.cell] }),
    apply: (memory) => {
      const now = request.decode(memory.get(request.cell))
      memory.set(request.cell, request.encode(outer as Request | null))
      if (now !== null && now.needed !== 0n) {
        memory.violate({
          property: 'interface',
          message: `CPU${cpu.id}'s flush returns, and ${showMask(now.needed)} was in the mask all the time and was asked for less`,
          cells: [request.cell],
        })
      }
      return 0
    },
  })
}

/** `cpumask_clear_cpu(cpu, mm_cpumask(mm))`: a locked bit operation; who leaves is no longer needed by anybody. */
export function clearFromMask(checks: FlushChecks, mm: Mm, cpu: number): Operation<void> {
  const flag = mm.cpumask[cpu]!
  const requests = checks.requests.map((request) => request.cell)
  return new Operation<void>({
    kind: 'rmw',
    label: `clear CPU${cpu} in mm_cpumask(${mm.name})`,
    drains: true,
    footprint: () => ({ writes: [flag.cell, ...requests] }),
    apply: (memory) => {
      memory.set(flag.cell, 0)
      for (const request of checks.requests) {
        if (request.timed === true) break
        const now = request.decode(memory.get(request.cell))
        if (now === null || now.mm !== mm) continue
        memory.set(request.cell, request.encode({ ...now, needed: now.needed & ~cpuBit(cpu) }))
      }
      return 0
    },
  })
}

/** `cpumask_set_cpu(cpu, mm_cpumask(mm))`: a locked bit operation. */
export function setInMask(mm: Mm, cpu: number): Operation<void> {
  const flag = mm.cpumask[cpu]!
  return new Operation<void>({
    kind: 'rmw',
    label: `set CPU${cpu} in mm_cpumask(${mm.name})`,
    drains: true,
    footprint: () => ({ writes: [flag.cell] }),
    apply: (memory) => {
      memory.set(flag.cell, 1)
      return 0
    },
  })
}

/** A malformed use of an interface that the code itself commits: an index out of bounds, a bad input address. */
export function interfaceViolation(message: string): Operation<void> {
  return new Operation<void>({
    kind: 'assert',
    label: message,
    apply: (memory) => {
      memory.violate({ property: 'interface', message, cells: [] })
      return 0
    },
  })
}
