/** A value of a row; null where the recording does not tell. */
export type Cell = number | bigint | string | boolean | null

/** SQL types in use: the appender of each is in writer.ts. */
export type ColumnType = 'INTEGER' | 'UBIGINT' | 'DOUBLE' | 'VARCHAR' | 'BOOLEAN'

/** A column: its type, and what it means, for the documentation. */
export type Columns = Readonly<Record<string, readonly [ColumnType, string]>>

const KEY = {
  recording: ['INTEGER', 'number of the recording'],
  line: ['INTEGER', 'line of the event'],
} as const satisfies Columns

/** The tables of an export; the keys of a table are its columns, in order. */
export const TABLES = {
  recordings: {
    recording: ['INTEGER', 'number of the recording, from 1'],
    name: ['VARCHAR', "the sidecar's name, or the file's"],
    file: ['VARCHAR', 'path as given'],
    workload: ['VARCHAR', "the sidecar's"],
    clock: ['VARCHAR', '`us` or `cycles`: unit of `events.time`'],
    mhz: ['DOUBLE', 'rate of a cycle clock'],
    lines: ['INTEGER', 'lines of the file'],
    broken: ['INTEGER', 'lines that could not be read'],
  },
  events: {
    ...KEY,
    time: ['DOUBLE', 'in the unit of the clock'],
    cpu: ['INTEGER', ''],
    pid: ['INTEGER', 'task that ran'],
    comm: ['VARCHAR', 'its name'],
    kind: ['VARCHAR', 'name of the event'],
  },
  tlb_flushes: {
    ...KEY,
    reason: ['INTEGER', '0 to 5'],
    reason_name: ['VARCHAR', ''],
    pages: ['INTEGER', 'null for a full flush'],
  },
  flushes: {
    recording: ['INTEGER', 'number of the recording'],
    flush: ['INTEGER', 'number of the flush, in the order of completion'],
    request_line: ['INTEGER', 'line of `flush_range`'],
    line: ['INTEGER', 'line of the remote flush, or of the local execution'],
    cpu: ['INTEGER', 'initiator'],
    pid: ['INTEGER', 'task that asked'],
    mm: ['VARCHAR', ''],
    asked_start: ['UBIGINT', 'of the request'],
    asked_end: ['UBIGINT', 'null for everything'],
    stride: ['INTEGER', 'log2 of the bytes of an entry'],
    freed: ['BOOLEAN', 'page tables are freed after it'],
    is_full: ['BOOLEAN', 'what was decided'],
    gen: ['INTEGER', 'generation of the mm'],
    reach: ['VARCHAR', '`nobody`, `local`, `remote`'],
    backend: ['VARCHAR', '`native`, `xen`, `hyperv`, `kvm`'],
    mask: ['UBIGINT', 'CPUs 0 to 63 of mm_cpumask'],
    sent_pages: ['INTEGER', 'of the `remote ipi send` event; -1 for all'],
    executed_on: ['INTEGER', 'other CPUs that executed it'],
  },
  executions: {
    ...KEY,
    flush: ['INTEGER', 'its flush'],
    cpu: ['INTEGER', ''],
    context: ['VARCHAR', '`initiator`, an IPI handler, or `no interrupt`'],
    outcome: ['VARCHAR', '`flushed`, `left mm`, `nothing`, `unknown`'],
    pages: ['INTEGER', '-1 for all'],
    after_return: ['BOOLEAN', 'the initiator had returned'],
  },
  faults: {
    ...KEY,
    address: ['UBIGINT', ''],
    error_code: ['INTEGER', 'bits: 1 protection, 2 write, 4 user, 16 fetch'],
  },
  switches: {
    ...KEY,
    prev_pid: ['INTEGER', ''],
    prev_state: ['VARCHAR', ''],
    next_pid: ['INTEGER', ''],
    next_comm: ['VARCHAR', ''],
  },
  calls: {
    ...KEY,
    name: ['VARCHAR', '`munmap`, `mprotect`, `madvise`, `mremap`'],
    start: ['UBIGINT', ''],
    len: ['UBIGINT', 'old length for `mremap`'],
  },
  interrupts: {
    ...KEY,
    target: ['INTEGER', 'CPU: one row for each'],
    callsite: ['VARCHAR', ''],
  },
  hypercalls: {
    ...KEY,
    code: ['INTEGER', 'call code'],
    fast: ['BOOLEAN', 'input in registers'],
    rep_count: ['INTEGER', 'list entries'],
    variable_header: ['INTEGER', 'in 8 bytes: banks of an Ex call'],
  },
} as const satisfies Readonly<Record<string, Columns>>

export type TableName = keyof typeof TABLES

/** One row for a table, its cells in the order of the columns after `recording`. */
export interface Row {
  readonly table: TableName
  readonly cells: readonly Cell[]
}
