/**
 * `npm run answers`: runs every command of docs/answers.md and writes the figures that it prints into the text. A figure stands
 * there between `<!--=name-->` and `<!--/-->`. What each sentence claims about its figure is a condition here; the tests hold the
 * page against it, and a small form of the cheap commands too. `npm run answers -- WORD` runs the commands with that word only.
 */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const DOCS = new URL('../docs/', import.meta.url)
export const ANSWERS = fileURLToPath(new URL('answers.md', DOCS))

interface Interval {
  readonly value: number
  readonly plusMinus: number
}

interface BenchArm {
  readonly name: string
  readonly size: { readonly vms: number }
  readonly rate: Interval
  readonly ratio: Interval
  readonly flush: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly events: Readonly<Record<string, { readonly perSecond: Interval }>>
  readonly shares: Readonly<Record<string, number>>
  readonly rcuPeakPages: number
  readonly gracePeriod: number
}

interface ReplayArm {
  readonly flush: string
  readonly ratio: Interval
  readonly flushRatio: Interval
  readonly machine: { readonly vms: number }
}

interface KernbenchHost {
  readonly cpus: number
  readonly model: { readonly faults: number }
  readonly loads: readonly { readonly load: string }[]
  readonly columns: readonly {
    readonly name: string
    readonly groups: readonly Readonly<
      Record<'elapsed' | 'user' | 'system' | 'percent', { readonly mean: number; readonly sd: number }>
    >[]
    readonly engine: readonly {
      readonly more: Readonly<Record<'user' | 'system', Interval>>
      readonly events: Readonly<Record<string, number>>
    }[]
  }[]
}

/** What the commands print with `--json`, as far as it is used here. */
export interface Printed {
  readonly arms?: readonly (BenchArm | ReplayArm)[]
  readonly hosts?: readonly KernbenchHost[]
}

interface Figure {
  readonly of: (printed: Printed) => number
  readonly print: (value: number) => string
  /** What the sentence says about it. */
  readonly holds: (value: number) => boolean
}

export interface Answer {
  /** The command as the page has it, without `shootdown`. */
  readonly command: string
  /** What makes it small, for the tests. */
  readonly small: readonly string[]
  readonly figures: Readonly<Record<string, Figure>>
  /** A plot of the same runs, beside the page. */
  readonly plot?: string
}

// How figures are written ----------------------------------------------------------------------------------------------

const percent = (value: number) => `${value.toFixed(2)} %`
const wholePercent = (value: number) => `${value.toFixed(0)} %`
const times = (value: number) => `${value.toFixed(2)} times`
const microseconds = (value: number) => `${Number(value.toPrecision(3))} µs`
const nanoseconds = (value: number) => `${value.toFixed(0)} ns`
const pages = (value: number) => `${value.toLocaleString('en-US')} pages`
const megabytes = (value: number) => `${value.toFixed(1)} MB`
const milliseconds = (value: number) => `${value.toFixed(1)} ms`
const seconds = (value: number) => `${value.toFixed(2)} s`
const perSecond = (value: number) => Math.round(value).toLocaleString('en-US')

// Where they come from -------------------------------------------------------------------------------------------------

function arm(name: string, vms = 1) {
  return ({ arms = [] }: Printed): BenchArm => {
    const found = arms.find((one) => 'name' in one && one.name === name && one.size.vms === vms)
    if (found === undefined || !('name' in found))
      throw new Error(`no arm ${name} with ${vms} VMs was printed`)
    return found
  }
}

/** One number of an arm. */
function from(name: string, of: (arm: BenchArm) => number, vms = 1): Figure['of'] {
  return (printed) => of(arm(name, vms)(printed))
}

/** How often the first fits into the second. */
function quotient(of: (arm: BenchArm) => number, first: string, second: string, vms = 1): Figure['of'] {
  return (printed) => of(arm(second, vms)(printed)) / of(arm(first, vms)(printed))
}

const rate = ({ rate: { value } }: BenchArm) => value
const ratio = ({ ratio: { value } }: BenchArm) => value
const median = ({ flush }: BenchArm) => flush.p50

/** Differences of the RCU column against CURRENT, over hosts and the two loads that the thread measured. */
function rcuDifferences({ hosts = [] }: Printed, figure: 'elapsed' | 'system'): number[] {
  return hosts.flatMap(({ loads, columns }) =>
    loads.flatMap(({ load }, g) => {
      if (load !== 'half' && load !== 'optimal') return []
      const [current, rcu] = columns
      return [100 * (rcu!.groups[g]![figure].mean / current!.groups[g]![figure].mean - 1)]
    }),
  )
}

function greatest(values: readonly number[]): number {
  return Math.max(...values.map(Math.abs))
}

function optimal({ hosts = [] }: Printed, host: number, column: number) {
  const { loads, columns, model } = hosts[host]!
  const g = loads.findIndex(({ load }) => load === 'optimal')
  return { engine: columns[column]!.engine[g]!, group: columns[column]!.groups[g]!, model }
}

/** Time of a replayed recording against that on the recorded backend, alone on its host. */
function replayed(flush: string, vms: number, of: 'ratio' | 'flushRatio' = 'ratio'): Figure['of'] {
  return ({ arms = [] }) => {
    const found = arms.find((one) => 'flushRatio' in one && one.flush === flush && one.machine.vms === vms)
    if (found === undefined || !('flushRatio' in found))
      throw new Error(`no ${flush} with ${vms} VMs was replayed`)
    return found[of].value
  }
}

const FEW = ['--ms', '2', '--runs', '1']
const FLUSHES = '--flush native,hyperv,kvm,xen --virtual on'

/** The page's commands and figures. */
export const COMMANDS: readonly Answer[] = [
  {
    command: 'bench kernbench --pcpus 6,16 --free immediate,rcu --cost-model haswell',
    small: ['--ms', '60', '--runs', '1'],
    figures: {
      'rcu elapsed': {
        of: (printed) => greatest(rcuDifferences(printed, 'elapsed')),
        print: percent,
        holds: (value) => value < 1,
      },
      'rcu system': {
        of: (printed) => greatest(rcuDifferences(printed, 'system')),
        print: percent,
        holds: (value) => value < 1,
      },
      'exit at once': {
        of: (printed) => optimal(printed, 0, 0).engine.events.exit!,
        print: nanoseconds,
        holds: (value) => value > 0,
      },
      'exit by rcu': {
        of: (printed) => optimal(printed, 0, 1).engine.events.exit!,
        print: nanoseconds,
        holds: (value) => value > 0,
      },
      'percent deviation': {
        of: (printed) => optimal(printed, 1, 0).group.percent.sd,
        print: (value) => value.toFixed(1),
        holds: (value) => value > 300,
      },
    },
  },
  {
    command: 'bench munmap-storm --free immediate,rcu --pcpus 16 --ms 60 --runs 3',
    small: [],
    figures: {
      'storm rcu ratio': {
        of: from('native, rcu', ratio),
        print: times,
        holds: (value) => value > 0.97 && value < 1.03,
      },
      'storm rcu pages': {
        of: from('native, rcu', ({ rcuPeakPages }) => rcuPeakPages),
        print: pages,
        holds: (value) => value > 0,
      },
      'storm rcu megabytes': {
        of: from('native, rcu', ({ rcuPeakPages }) => (rcuPeakPages * 4096) / 1e6),
        print: megabytes,
        holds: (value) => value > 0 && value < 100,
      },
      'storm grace period': {
        of: from('native, rcu', ({ gracePeriod }) => gracePeriod / 1e6),
        print: milliseconds,
        holds: (value) => value > 5,
      },
    },
  },
  {
    command: `bench flush ${FLUSHES} --pcpus 64 --targets 63 --runs 3`,
    small: FEW,
    figures: {
      'wide native': { of: from('native, rcu', median), print: microseconds, holds: (value) => value > 0 },
      'wide hyperv': {
        of: quotient(median, 'hyperv, rcu', 'native, rcu'),
        print: times,
        holds: (value) => value > 1.5,
      },
      'wide xen': {
        of: quotient(median, 'xen, rcu', 'native, rcu'),
        print: times,
        holds: (value) => value > 1.5,
      },
      'wide kvm': {
        of: quotient(median, 'kvm, rcu', 'native, rcu'),
        print: times,
        holds: (value) => value > 0.95 && value < 1.05,
      },
    },
  },
  {
    command: `bench flush ${FLUSHES} --pcpus 64 --targets 1 --runs 3`,
    small: FEW,
    figures: {
      'narrow hyperv': {
        of: quotient(median, 'hyperv, rcu', 'native, rcu'),
        print: times,
        holds: (value) => value > 1,
      },
      'narrow native': { of: from('native, rcu', median), print: microseconds, holds: (value) => value > 0 },
    },
  },
  {
    command: `bench flush ${FLUSHES} --pcpus 32 --targets 31 --idle 0.5 --runs 3`,
    small: FEW,
    figures: {
      'asleep native': { of: from('native, rcu', median), print: microseconds, holds: (value) => value > 0 },
      'asleep hyperv': { of: from('hyperv, rcu', median), print: microseconds, holds: (value) => value > 0 },
      'asleep kvm': { of: from('kvm, rcu', median), print: microseconds, holds: (value) => value < 2 },
      'asleep ratio': {
        of: quotient(median, 'hyperv, rcu', 'native, rcu'),
        print: times,
        holds: (value) => value > 2,
      },
    },
  },
  {
    command: `bench ebizzy ${FLUSHES} --pcpus 8 --vms 1,2,3 --ms 250`,
    plot: 'ebizzy.svg',
    small: ['--ms', '20', '--runs', '1'],
    figures: {
      'alone hyperv': {
        of: from('hyperv, rcu', ratio),
        print: times,
        holds: (value) => value > 0.97 && value < 1.1,
      },
      'alone kvm': {
        of: from('kvm, rcu', ratio),
        print: times,
        holds: (value) => value > 0.97 && value < 1.1,
      },
      'shared hyperv': { of: from('hyperv, rcu', ratio, 2), print: times, holds: (value) => value > 1.5 },
      'shared kvm': { of: from('kvm, rcu', ratio, 2), print: times, holds: (value) => value > 1.5 },
      'shared spread': {
        of: from('kvm, rcu', (one) => one.ratio.plusMinus, 2),
        print: (value) => value.toFixed(2),
        holds: (value) => value >= 0,
      },
      'shared p99': {
        of: from('native, rcu', ({ flush }) => flush.p99, 2),
        print: microseconds,
        holds: (value) => value > 500,
      },
      'shared hyperv p99': {
        of: from('hyperv, rcu', ({ flush }) => flush.p99, 2),
        print: microseconds,
        holds: (value) => value < 500,
      },
      'shared wait': {
        of: from('native, rcu', ({ shares }) => 100 * shares['ack wait']!, 2),
        print: wholePercent,
        holds: (value) => value > 10,
      },
    },
  },
  {
    command: 'bench kernbench --pcpus 6 --flush native,hyperv,kvm --vms 2 -M',
    small: ['--ms', '100', '--runs', '1'],
    figures: {
      'build native': {
        of: (printed) => moreSystem(printed, 0),
        print: seconds,
        holds: (value) => value > 1,
      },
      'build hyperv': {
        of: (printed) => moreSystem(printed, 1),
        print: seconds,
        holds: (value) => value < 10,
      },
      'build elapsed': {
        of: (printed) =>
          100 * (1 - optimal(printed, 0, 1).group.elapsed.mean / optimal(printed, 0, 0).group.elapsed.mean),
        print: percent,
        holds: (value) => value > 0,
      },
    },
  },
  {
    command:
      'bench munmap-storm --flush native,hyperv,kvm,xen --virtual on --pcpus 2 --ipi-virtualization on --working-set 256 --runs 3',
    small: FEW,
    figures: {
      'loses hyperv': { of: from('hyperv, rcu', ratio), print: times, holds: (value) => value < 0.97 },
      'loses xen': { of: from('xen, rcu', ratio), print: times, holds: (value) => value < 0.97 },
      'loses refill': {
        of: from('hyperv, rcu', ({ shares }) => 100 * shares.refill!),
        print: wholePercent,
        holds: (value) => value > 5,
      },
      'loses native refill': {
        of: from('native, rcu', ({ shares }) => 100 * shares.refill!),
        print: percent,
        holds: (value) => value < 2,
      },
    },
  },
  {
    command: 'bench gup-storm --flush native,hyperv --free immediate,rcu --pcpus 4 --runs 3',
    small: ['--ms', '3', '--runs', '1'],
    figures: {
      'gup rcu': {
        of: from('native, rcu', ratio),
        print: times,
        holds: (value) => value > 0.95 && value < 1.05,
      },
      'gup walks': {
        of: from('native, rcu', ({ events }) => events.walk!.perSecond.value),
        print: perSecond,
        holds: (value) => value > 0,
      },
      'gup walks hyperv': {
        of: quotient(({ events }) => events.walk!.perSecond.value, 'native, rcu', 'hyperv, rcu'),
        print: times,
        holds: (value) => value < 0.97,
      },
      'gup munmaps': {
        of: from('native, rcu', ({ events }) => events.munmap!.perSecond.value),
        print: perSecond,
        holds: (value) => value > 0,
      },
      'gup munmaps hyperv': {
        of: quotient(({ events }) => events.munmap!.perSecond.value, 'native, rcu', 'hyperv, rcu'),
        print: times,
        holds: (value) => value > 1.1,
      },
      'gup pages': {
        of: from('native, rcu', ({ rcuPeakPages }) => rcuPeakPages),
        print: pages,
        holds: (value) => value > 0,
      },
      'gup refill': {
        of: from('hyperv, rcu', ({ shares }) => 100 * shares.refill!),
        print: wholePercent,
        holds: (value) => value < 20,
      },
    },
  },
  {
    command: 'bench munmap-storm --flush native,hyperv,serialize --free immediate --pcpus 8 --runs 3',
    small: FEW,
    figures: {
      'serialize ratio': {
        of: from('serialize, immediate', ratio),
        print: times,
        holds: (value) => value < 1,
      },
      'serialize median': {
        of: from('serialize, immediate', median),
        print: microseconds,
        holds: (value) => value > 0,
      },
      'serialize sum': {
        of: (printed) =>
          median(arm('native, immediate')(printed)) + median(arm('hyperv, immediate')(printed)),
        print: microseconds,
        holds: (value) => value > 0,
      },
    },
  },
  {
    command: 'bench munmap-storm --flush hyperv --free rcu,ipi-sync --pcpus 8 --runs 3',
    small: FEW,
    figures: {
      'sync ratio': { of: from('hyperv, ipi-sync', ratio), print: times, holds: (value) => value < 0.8 },
    },
  },
  {
    command: 'bench tlb-flush --flush native,invlpgb --pcpus 16 --cost-model milan --runs 3',
    small: FEW,
    figures: {
      'invlpgb ratio': { of: from('invlpgb, rcu', ratio), print: times, holds: (value) => value > 1 },
      'invlpgb rate': { of: from('invlpgb, rcu', rate), print: perSecond, holds: (value) => value > 0 },
    },
  },
  {
    command:
      'bench munmap-storm --flush native,hyperv --virtual on --pcpus 2 --ipi-virtualization on --runs 3',
    small: FEW,
    figures: { 'small set': { of: from('hyperv, rcu', ratio), print: times, holds: (value) => value > 0.9 } },
  },
  {
    command: `bench ebizzy ${FLUSHES} --pcpus 8 --vms 2 --boost none --ms 250`,
    small: ['--ms', '15', '--runs', '1'],
    figures: {
      'spinning hyperv': { of: from('hyperv, rcu', ratio, 2), print: times, holds: (value) => value > 3 },
      'spinning kvm': { of: from('kvm, rcu', ratio, 2), print: times, holds: (value) => value > 3 },
    },
  },
  {
    command: 'trace replay test/trace/recordings/linux-6.1_4vcpu_rich.trace.txt.gz --vms 1,2',
    small: [],
    figures: {
      'replay alone': { of: replayed('hyperv', 1), print: times, holds: (value) => value > 1 },
      'replay flush': { of: replayed('hyperv', 1, 'flushRatio'), print: times, holds: (value) => value < 1 },
      'replay native flush': {
        of: replayed('native', 2, 'flushRatio'),
        print: times,
        holds: (value) => value > 1.5,
      },
      'replay native': { of: replayed('native', 2), print: times, holds: (value) => value > 1 },
      'replay hyperv': { of: replayed('hyperv', 2), print: times, holds: (value) => value > 1 },
      'replay kvm': { of: replayed('kvm', 2), print: times, holds: (value) => value > 1 },
      'replay invlpgb': { of: replayed('invlpgb', 2), print: times, holds: (value) => value > 1 },
    },
  },
  {
    command: 'trace replay test/trace/recordings/linux-6.1_4vcpu_ccpf.trace.txt.gz',
    small: [],
    figures: {
      'replay compile': {
        of: ({ arms = [] }) => greatest(arms.map(({ ratio }) => 100 * (ratio.value - 1))),
        print: percent,
        holds: (value) => value < 3,
      },
    },
  },
]

/** What an arm's engine takes more of system time than the thread's CURRENT kernel on bare metal, in seconds of the build. */
function moreSystem(printed: Printed, column: number): number {
  const { engine, model } = optimal(printed, 0, column)
  return engine.more.system.value * model.faults * 1e-9
}

/** Options that were given before are replaced: the small form's count. */
export function argumentsOf({ command }: Answer, small: readonly string[] = []): string[] {
  const words = command.split(' ')
  for (let i = 0; i < small.length; i += 2) {
    const at = words.indexOf(small[i]!)
    if (at >= 0) words.splice(at, 2)
  }
  return [...words, ...small, '--json']
}

/** Runs a command and reads what it prints. */
export async function printed(args: readonly string[]): Promise<Printed> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { maxBuffer: 1e8 })
  return JSON.parse(stdout) as Printed
}

/** The figures of a page: name and text. */
export function figuresOf(page: string): Map<string, string> {
  return new Map(
    [...page.matchAll(/<!--=([^>]+?)-->([\s\S]*?)<!--\/-->/g)].map(([, name, text]) => [name!, text!]),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let page = await readFile(ANSWERS, 'utf8')
  const wanted = process.argv[2] ?? ''
  for (const answer of COMMANDS.filter(({ command }) => command.includes(wanted))) {
    console.error(`shootdown ${answer.command}`)
    const plot = answer.plot === undefined ? [] : ['--plot', fileURLToPath(new URL(answer.plot, DOCS))]
    const result = await printed([...argumentsOf(answer), ...plot])
    for (const [name, { of, print, holds }] of Object.entries(answer.figures)) {
      const value = of(result)
      if (!holds(value)) {
        console.error(`  "${name}" is ${print(value)}: the sentence about it is no longer true`)
        process.exitCode = 1
      }
      page = page.replace(
        new RegExp(`<!--=${name}-->[\\s\\S]*?<!--/-->`, 'g'),
        `<!--=${name}-->${print(value)}<!--/-->`,
      )
    }
  }
  await writeFile(ANSWERS, page)
}
