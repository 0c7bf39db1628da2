/**
 * Shootdown beside SPIN: the same models in one run.
 *
 *     node bench/spin.ts [--cpus 5] [--only race,symmetry,thread,full,shortest] [--seconds 60] [--megabytes 6000]
 *
 * Times are CPU time (user + system), since machines are shared. "From source" is everything that a user waits for: for SPIN
 * `spin -a`, `gcc` and `pan`, for Shootdown a Node process from its start. "Search" is `pan` alone, or the check alone, without
 * warm code in both. Every run is a process of its own. Needs Debian's `spin`, and `gcc`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    cpus: { type: 'string', default: '6' },
    only: { type: 'string', default: 'race,symmetry,thread,full,shortest' },
    seconds: { type: 'string', default: '60' },
    megabytes: { type: 'string', default: '6000' },
  },
})
const most = Number(values.cpus)
const sections = values.only.split(',')

interface Run {
  readonly states: number
  /** CPU seconds of the search, and of everything. */
  readonly search: number
  readonly total: number
  readonly megabytes: number
  readonly bytesPerState: number
  readonly transitions: number
  readonly events: number
}

/** Compiler and run-time flags for `pan`. */
interface Settings {
  readonly name: string
  readonly gcc: readonly string[]
  readonly pan: readonly string[]
}

const DEFAULT: Settings = { name: 'SPIN', gcc: [], pan: ['-m1000000'] }
const FAST: Settings = {
  name: 'SPIN, best time',
  gcc: ['-O2', '-DSAFETY', '-DNOFAIR', '-DVECTORSZ=128', '-DXUSAFE'],
  pan: ['-m100000', '-w24'],
}
const SMALL: Settings = {
  name: 'SPIN, least memory',
  gcc: ['-O2', '-DSAFETY', '-DNOFAIR', '-DVECTORSZ=128', '-DCOLLAPSE'],
  pan: ['-m100000', '-w20'],
}
const UNREDUCED: Settings = { ...FAST, name: 'pan -DNOREDUCE', gcc: [...FAST.gcc, '-DNOREDUCE'] }
const UNREDUCED_SMALL: Settings = {
  ...SMALL,
  name: 'pan -DNOREDUCE -DCOLLAPSE',
  gcc: [...SMALL.gcc, '-DNOREDUCE'],
}
const BFS: Settings = { ...FAST, name: 'SPIN -DBFS', gcc: [...FAST.gcc, '-DBFS'] }

const folder = mkdtempSync(join(tmpdir(), 'shootdown-spin-'))
cpSync(new URL('spin', import.meta.url), folder, { recursive: true })

/** Runs a command; gives its CPU seconds, or undefined when it went past a limit. */
function timed(command: readonly string[], limit = 600): { seconds: number; output: string; ok: boolean } {
  const quoted = command.map((word) => `'${word}'`).join(' ')
  const script = `TIMEFORMAT='CPU %U %S'; ulimit -t ${limit}; time ${quoted}`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
  const [, user, system] = /CPU ([\d.]+) ([\d.]+)/.exec(stderr) ?? []
  return { seconds: Number(user) + Number(system), output: stdout, ok: status === 0 }
}

function number(output: string, pattern: RegExp): number {
  return Number(pattern.exec(output)?.[1] ?? Number.NaN)
}

function spin(model: string, defines: readonly string[], { gcc, pan }: Settings): Run | undefined {
  const generate = timed(['spin', ...defines.map((define) => `-D${define}`), '-a', `${model}.pml`])
  const compile = timed(['gcc', '-w', `-DMEMLIM=${values.megabytes}`, ...gcc, '-o', 'pan', 'pan.c'])
  const run = timed(['./pan', ...pan], Number(values.seconds))
  if (!generate.ok || !compile.ok) throw new Error(`spin or gcc fails for ${model} ${defines.join(' ')}`)
  const { output } = run
  const unfinished =
    !output.includes('errors:') || /Search not completed|out of memory|max search/.test(output)
  if (unfinished && !/errors: [1-9]/.test(output)) return undefined
  const states = number(output, /(\d+) states, stored/)
  const used = number(output, /([\d.]+)\s+actual memory usage for states/)
  const all = number(output, /([\d.]+)\s+total actual memory usage/)
  return {
    states,
    search: run.seconds,
    total: generate.seconds + compile.seconds + run.seconds,
    megabytes: all,
    // Without compression pan prints one figure for both.
    bytesPerState: ((Number.isNaN(used) ? all : used) * 1e6) / states,
    transitions: number(output, /(\d+) transitions/),
    events: number(output, /depth reached (\d+)/),
  }
}

function ours(words: readonly string[]): Run | undefined {
  const script = new URL('spin/ours.ts', import.meta.url).pathname
  const { output, seconds } = timed([process.execPath, '--max-old-space-size=6000', script, ...words], 120)
  if (output === '') return undefined
  const result = JSON.parse(output)
  if (result.verdict === 'inconclusive') return undefined
  return { ...result, search: result.seconds, total: seconds }
}

// Tables ---------------------------------------------------------------------------------------------------------------

const count = (n: number) => n.toLocaleString('en-US')
const time = (s: number) => (s < 0.995 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(1)} s`)

function row(name: string, cpus: number, run: Run | undefined, before: Run | undefined): void {
  if (run === undefined) {
    console.log(`| ${name} | ${cpus} | not within ${values.seconds} s, ${values.megabytes} MB | | | | |`)
    return
  }
  const growth = before === undefined ? '' : `x ${(run.states / before.states).toFixed(1)}`
  console.log(
    `| ${name} | ${cpus} | ${count(run.states)} | ${growth} | ${time(run.search)} | ${time(run.total)} | ${count(Math.round(run.megabytes))} MB |`,
  )
}

function header(title: string): void {
  console.log(`\n**${title}**\n`)
  console.log('| | CPUs | states | growth | search | from source | memory |')
  console.log('|---|---:|---:|---:|---:|---:|---:|')
}

/** One line for each number of CPUs, until a limit is hit. */
function lines(name: string, upTo: number, runOne: (cpus: number) => Run | undefined): void {
  let before: Run | undefined
  for (let cpus = 2; cpus <= upTo; cpus++) {
    const run = runOne(cpus)
    row(name, cpus, run, before)
    if (run === undefined) return
    before = run
  }
}

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  'ipi now': ['IPI'],
  'ipi rcu': ['IPI', 'RCU'],
  'hypercall rcu': ['RCU'],
  'hypercall now': [],
  'native immediate': ['IPI'],
  'hyperv rcu': [],
}

function beside(model: 'race' | 'thread', cell: string, upTo: number): void {
  header(`${model}: ${cell}`)
  const words = cell.split(' ')
  for (const memoryModel of ['sc', 'tso']) {
    const name = `Shootdown, TSO ${memoryModel === 'tso' ? 'on' : 'off'}`
    lines(name, upTo, (cpus) => ours([model, ...words, memoryModel, String(cpus)]))
  }
  for (const settings of [DEFAULT, FAST, SMALL]) {
    lines(settings.name, upTo, (cpus) => spin(model, [`CPUS=${cpus}`, ...FLAGS[cell]!], settings))
  }
}

/** The race in which CPU0 addresses all others at once: what one more of several interchangeable CPUs costs. */
function symmetric(cell: string, upTo: number): void {
  header(`race, broadcast: ${cell}`)
  const words = cell.split(' ')
  for (const memoryModel of ['sc', 'tso']) {
    const name = `Shootdown, TSO ${memoryModel === 'tso' ? 'on' : 'off'}`
    const run = (how: readonly string[]) => (cpus: number) =>
      ours(['race', ...words, memoryModel, String(cpus), 'broadcast', ...how])
    lines(name, upTo, run([]))
    lines(`${name}, without symmetry`, Math.min(upTo, 6), run(['no-symmetry']))
  }
  lines(FAST.name, upTo, (cpus) => spin('race', [`CPUS=${cpus}`, 'BROADCAST', ...FLAGS[cell]!], FAST))
}

function full(model: 'race' | 'thread', cell: string, cpus: number): void {
  const words = cell.split(' ')
  const runs: [string, Run | undefined][] = [
    ['Shootdown, unreduced', ours([model, ...words, 'sc', String(cpus), 'full'])],
    ...[UNREDUCED, UNREDUCED_SMALL].map((settings): [string, Run | undefined] => [
      settings.name,
      spin(model, [`CPUS=${cpus}`, ...FLAGS[cell]!], settings),
    ]),
  ]
  for (const [name, run] of runs) {
    if (run === undefined) {
      console.log(`| ${model}: ${cell}, ${cpus} CPUs | ${name} | not within the limits | | | | |`)
      continue
    }
    const rate = (n: number) => count(Math.round(n / run.search))
    console.log(
      `| ${model}: ${cell}, ${cpus} CPUs | ${name} | ${count(run.states)} | ${time(run.search)} | ${rate(run.states)} | ${rate(run.transitions)} | ${Math.round(run.bytesPerState)} |`,
    )
  }
}

function main(): void {
  if (spawnSync('spin', ['-V']).status !== 0 || spawnSync('gcc', ['--version']).status !== 0) {
    console.log("skipped: this comparison needs SPIN (Debian's package spin) and gcc")
    return
  }
  if (sections.includes('race'))
    for (const cell of ['ipi now', 'hypercall rcu', 'ipi rcu']) beside('race', cell, most)
  if (sections.includes('symmetry'))
    for (const cell of ['ipi now', 'hypercall rcu', 'ipi rcu']) symmetric(cell, 8)
  if (sections.includes('thread')) {
    beside('thread', 'native immediate', Math.min(most, 6))
    beside('thread', 'hyperv rcu', Math.min(most, 3))
  }
  if (sections.includes('full')) {
    console.log('\n| unreduced search | | states | search | states/s | transitions/s | bytes per state |')
    console.log('|---|---|---:|---:|---:|---:|---:|')
    full('race', 'ipi now', 5)
    full('race', 'hypercall rcu', 6)
    full('thread', 'native immediate', 3)
  }
  if (sections.includes('shortest')) {
    header('race: hypercall now (unsafe), to a shortest counterexample')
    lines('Shootdown, TSO off', most, (cpus) => ours(['race', 'hypercall', 'now', 'sc', String(cpus)]))
    lines('Shootdown, TSO on', most, (cpus) => ours(['race', 'hypercall', 'now', 'tso', String(cpus)]))
    lines(BFS.name, most, (cpus) => spin('race', [`CPUS=${cpus}`], BFS))
    lines('SPIN, first found', most, (cpus) => spin('race', [`CPUS=${cpus}`], FAST))
  }
}

try {
  main()
} finally {
  rmSync(folder, { recursive: true })
}
