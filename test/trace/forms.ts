/** A recording as other printers, options and kernels write it: each form changes the lines of ftrace's own. */

/** A line of `trace` taken apart. */
interface Line {
  /** 16 columns, right-aligned. */
  readonly comm: string
  readonly pid: string
  /** Three digits. */
  readonly cpu: string
  readonly flags: string
  /** Seconds with six decimals. */
  readonly time: string
  readonly event: string
}

export interface Form {
  readonly name: string
  readonly line: (line: Line) => string
  /** Lines before the events, in place of ftrace's header. */
  readonly header?: string
  /** What does not survive it: names of 8 columns, times that count from another begin. */
  readonly loses?: 'names'
}

const LINE = /^(.{16})-(\d+) +\[(\d+)\] (\S+) +(\d+\.\d{6}): (.*)$/

/** The text in another form. */
export function inForm(text: string, form: Form): string {
  const body = text.split('\n').flatMap((line) => {
    const match = LINE.exec(line)
    if (match === null) return []
    const [, comm = '', pid = '', cpu = '', flags = '', time = '', event = ''] = match
    return [form.line({ comm, pid, cpu, flags, time, event })]
  })
  return `${form.header ?? '# tracer: nop\n#\n'}${body.join('\n')}\n`
}

/** ftrace's own, with changes. */
function ftrace({ comm, pid, cpu, flags, time, event }: Line, tgid = ''): string {
  return `${comm}-${pid.padEnd(7)} ${tgid}[${cpu}]${flags === '' ? '' : ` ${flags}`} ${time.padStart(12)}: ${event}`
}

function colon(event: string): string {
  return event.replace(/^sys_(\w+)\((.*)\)$/, 'sys_enter_$1: $2').replace(/^sys_(\w+) -> /, 'sys_exit_$1: ')
}

/** With the prefix that a value of a system call has in newer kernels and in other tools. */
const withPrefix = (event: string) =>
  event.startsWith('sys_') ? event.replace(/: ([0-9a-f]+)(?=[,)]|$)/g, ': 0x$1') : event

const plugin = (event: string) =>
  event.replace(
    /^sched_switch: prev_comm=(.*) prev_pid=(\d+) prev_prio=(\d+) prev_state=(\S+) ==> next_comm=(.*) next_pid=(\d+) next_prio=(\d+)$/,
    'sched_switch: $1:$2 [$3] $4 ==> $5:$6 [$7]',
  )

const addresses = (event: string) =>
  event.replace(/\([a-z_]+\+0x[0-9a-f]+\/0x[0-9a-f]+\)/, '(ffffffff8107b0e0)')

const tool = (event: string) => plugin(addresses(withPrefix(colon(event))))

const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^sys_/, 'syscalls'],
  [/^(sched_|task_)/, 'sched'],
  [/^tlb_/, 'tlb'],
  [/^page_fault/, 'exceptions'],
  [/^(call_function|reschedule)/, 'irq_vectors'],
]
const group = (event: string) => GROUPS.find(([name]) => name.test(event))?.[1] ?? 'probe'

export const FORMS: readonly Form[] = [
  {
    name: 'trace of a kernel before 5.17: four flags',
    line: (l) => ftrace({ ...l, flags: l.flags.slice(0, 4) }),
  },
  { name: 'trace without irq-info', line: (l) => ftrace({ ...l, flags: '' }) },
  {
    name: 'trace with record-tgid',
    line: (l) => ftrace(l, l.pid === '0' ? '(-------) ' : `(${l.pid.padStart(7)}) `),
  },
  {
    name: 'trace_pipe, with lost events and CPUs that begin',
    header: 'CPU:2 [LOST 12 EVENTS]\n##### CPU 3 buffer started ####\n',
    line: (l) => ftrace(l),
  },
  {
    name: 'trace with latency-format',
    header:
      '# tracer: nop\n#\n# latency: 0 us, #37851/37851, CPU#0 | (M:desktop VP:0, KP:0, SP:0 HP:0 #P:4)\n#\n',
    line: ({ comm, pid, cpu, flags, time, event }) =>
      `${comm.trim().slice(0, 8).padStart(8)}-${pid.padEnd(7)} ${String(Number(cpu)).padStart(3)}${flags} ${String(Math.round(Number(time) * 1e6)).padStart(4)}us+: ${event}`,
    loses: 'names',
  },
  { name: 'trace with nanoseconds', line: (l) => ftrace({ ...l, time: `${l.time}000` }) },
  {
    name: 'trace of Linux 6.18: values of system calls with 0x',
    line: (l) => ftrace({ ...l, event: withPrefix(l.event) }),
  },
  {
    name: 'trace-cmd report',
    header: 'cpus=4\n',
    line: ({ comm, pid, cpu, time, event }) =>
      `${comm}-${pid.padEnd(5)} [${cpu}] ${time.padStart(12)}: ${tool(event).replace(': ', ':            ')}`,
  },
  {
    name: 'trace-cmd report -l -t',
    header: 'version = 7\nCPU 7 is empty\ncpus=4\n',
    line: ({ comm, pid, cpu, flags, time, event }) =>
      `${comm}-${pid.padEnd(5)} [${cpu}] ${flags.slice(0, 4)}  ${time}000: ${tool(event).replace(': ', ': ')}`,
  },
  {
    name: 'perf script',
    header: '# ========\n# captured on    : Mon Nov 30 20:00:00 2026\n# ========\n#\n',
    line: ({ comm, pid, cpu, time, event }) =>
      `${comm} ${pid.padStart(5)} [${cpu}] ${time.padStart(12)}: ${`${group(event)}:${colon(event).split(':')[0]}`.padStart(34)}: ${tool(event).replace(/^\w+: /, '')}`,
  },
  {
    name: 'perf script --ns -F +pid, with the period',
    header: '',
    line: ({ comm, pid, cpu, time, event }) =>
      `${comm.trim().padStart(15)} ${`${pid}/${pid}`.padStart(11)} [${cpu}] ${time}000:          1   ${group(event)}:${tool(event)}`,
  },
  { name: 'trace with carriage returns', line: (l) => `${ftrace(l)}\r` },
  { name: 'trace with a byte order mark', header: '\ufeff# tracer: nop\n', line: (l) => ftrace(l) },
  {
    name: 'trace of 200 CPUs: numbers from 196',
    line: (l) =>
      ftrace({
        ...l,
        cpu: String(Number(l.cpu) + 196),
        event: l.event
          .replace(/ cpu=(\d+) /, (_, cpu) => ` cpu=${Number(cpu) + 196} `)
          .replace(/ mask=0x[0-9a-f]+ /, ' mask=0x0 '),
      }),
  },
]
