import { FLUSH_REASONS, TLB_FLUSH_ALL, type TraceEvent } from '../events.ts'
import { type Flush, type Handling, handledOn, reach } from '../flush.ts'
import { weight } from '../tally.ts'
import type { Cell, Row } from './tables.ts'

/** An address as SQL takes it; null for the end of a full flush, and for a symbol. */
function address(value: number): Cell {
  return value < TLB_FLUSH_ALL ? BigInt(value) : null
}

/** A count that is larger than an INTEGER is damage of the recording. */
function int(value: number): Cell {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : null
}

function* cpusOf(mask: bigint): Generator<number> {
  for (let rest = mask, cpu = 0; rest > 0n; rest >>= 1n, cpu++) if ((rest & 1n) === 1n) yield cpu
}

/** The rows of one event: one in `events`, and those of its own table. */
export function* eventRows(event: TraceEvent): Generator<Row> {
  const { line, time, cpu, pid, comm } = event.at
  yield { table: 'events', cells: [line, time, cpu, int(pid), comm, event.kind] }
  switch (event.kind) {
    case 'tlb_flush': {
      const pages = event.pages < 0 ? null : int(event.pages)
      yield { table: 'tlb_flushes', cells: [line, event.reason, FLUSH_REASONS[event.reason], pages] }
      break
    }
    case 'page_fault_user':
    case 'page_fault_kernel':
      yield { table: 'faults', cells: [line, address(event.address), int(event.errorCode)] }
      break
    case 'sched_switch':
      yield {
        table: 'switches',
        cells: [line, int(event.prevPid), event.prevState, int(event.nextPid), event.nextComm],
      }
      break
    case 'sys_enter_munmap':
      yield { table: 'calls', cells: [line, 'munmap', address(event.addr), address(event.len)] }
      break
    case 'sys_enter_mprotect':
      yield { table: 'calls', cells: [line, 'mprotect', address(event.start), address(event.len)] }
      break
    case 'sys_enter_madvise':
      yield { table: 'calls', cells: [line, 'madvise', address(event.start), address(event.len)] }
      break
    case 'sys_enter_mremap':
      yield { table: 'calls', cells: [line, 'mremap', address(event.addr), address(event.oldLen)] }
      break
    case 'ipi_send_cpu':
      yield { table: 'interrupts', cells: [line, event.target, event.callsite] }
      break
    case 'ipi_send_cpumask':
      for (const target of cpusOf(event.targets)) {
        yield { table: 'interrupts', cells: [line, target, event.callsite] }
      }
      break
    case 'kvm_hv_hypercall':
      yield {
        table: 'hypercalls',
        cells: [line, int(event.code), event.fast, int(event.repCnt), int(event.varCnt)],
      }
      break
    default:
  }
}

/** The rows of one flush: itself, and each execution. */
export function* flushRows(flush: Flush, number: number): Generator<Row> {
  const { request, info, local, remote } = flush
  const fields = info ?? request
  const where = remote?.at ?? local?.at ?? request?.at
  yield {
    table: 'flushes',
    cells: [
      number,
      request?.at.line ?? null,
      where?.line ?? null,
      where?.cpu ?? null,
      int(where?.pid ?? Number.NaN),
      fields?.mm ?? null,
      request === undefined ? null : address(request.start),
      request === undefined ? null : address(request.end),
      int(fields?.stride ?? Number.NaN),
      fields?.freed ?? null,
      info === undefined ? null : info.end === TLB_FLUSH_ALL,
      int(info?.gen ?? Number.NaN),
      reach(flush),
      remote?.backend ?? null,
      remote?.mask ?? null,
      int(remote?.sent?.pages ?? Number.NaN),
      remote === undefined ? null : weight(handledOn(flush)),
    ],
  }
  if (local !== undefined) yield execution(local, number)
  for (const handling of remote?.handlers ?? []) yield execution(handling, number)
}

function execution({ at, context, outcome, pages, afterReturn }: Handling, flush: number): Row {
  const cells = [at.line, flush, at.cpu, context, outcome, int(pages ?? Number.NaN), afterReturn]
  return { table: 'executions', cells }
}
