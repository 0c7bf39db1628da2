/** From the options of `bench`, and a machine's JSON file, to the runs that are asked for. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../core/errors.ts'
import { PROFILE_NAMES } from '../hypervisor/hyperv/partition.ts'
import { didYouMean } from '../run/nearest.ts'
import { FLUSH_BACKENDS, FREE_POLICIES } from '../scenarios/guest.ts'
import { COST_MODELS } from '../simulate/costs/registry.ts'
import { checkHost, type HostDescription, LEAST_SLICE } from '../simulate/host.ts'
import { IDLE_STATES } from '../simulate/idle-states.ts'
import { flagOf, textOf } from '../simulate/setting-names.ts'
import { DEFAULT_KNOBS, type Knobs } from '../simulate/workloads/workload.ts'
import {
  armLabel,
  type Combination,
  combinations,
  joined,
  partBySize,
  sizeLabel,
  varyingSizes,
} from './bench-combinations.ts'

/** What commander gives. */
export interface BenchFlags {
  readonly flush?: string
  readonly free?: string
  readonly profile: string
  readonly pcpus?: string
  readonly vcpus?: string
  readonly vms?: string
  readonly runs: string
  readonly seed: string
  readonly ms?: string
  readonly machine?: string
  readonly costs?: string
  readonly plot?: string
  readonly perfetto?: string
  readonly json?: true
  readonly ascii?: true
  readonly [option: string]: string | true | undefined
}

/** A backend and a policy on a machine. */
export interface Arm {
  readonly flush: string
  readonly free: string
  readonly host: HostDescription
  readonly knobs: Partial<Knobs>
  /** Arms of one place are compared with each other: `8 pCPUs, bare metal, 4 threads`. */
  readonly place: string
  /** What differs, beside backend and policy, from the other arms of the place; empty for nothing. */
  readonly label: string
  /** Sizes that differ between places, beside those of the machine. */
  readonly sizes: Readonly<Record<string, number>>
}

export interface BenchPlan {
  readonly arms: readonly Arm[]
  readonly profile: string
  readonly seeds: readonly number[]
  readonly milliseconds: number | undefined
}

/** Backends that the simulator has: those of the scenarios, and INVLPGB. */
export const BENCH_BACKENDS: readonly string[] = [...FLUSH_BACKENDS, 'xen-naive', 'invlpgb']

function list(text: string, flag: string): string[] {
  const values = text.split(',').map((value) => value.trim())
  if (values.includes('')) throw new UsageError(`${flag} ${text}: a value is missing in the list`)
  return [...new Set(values)]
}

function known(value: string, names: readonly string[], flag: string): string {
  if (names.includes(value)) return value
  throw new UsageError(`${flag} ${value}: unknown${didYouMean(value, names)}; known: ${names.join(', ')}`)
}

/** A number from an option. */
export function number(text: string, flag: string, least = 0, most = Number.POSITIVE_INFINITY): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value
  throw new UsageError(`${flag} ${text}: must be a number ${rangeText(least, most)}`)
}

export function whole(text: string, flag: string, least = 1, most = Number.POSITIVE_INFINITY): number {
  const value = Number(text)
  if (/^\d+$/.test(text.trim()) && value >= least && value <= most) return value
  throw new UsageError(`${flag} ${text}: must be a whole number ${rangeText(least, most)}`)
}

function rangeText(least: number, most: number): string {
  return Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`
}

function onOff(text: string, flag: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on'
  throw new UsageError(`${flag} ${text}: must be on or off`)
}

/** As in a machine's description. */
const MOST: Readonly<Record<string, number>> = {
  '--pcpus': 4096,
  '--vcpus': 1024,
  '--vms': 256,
  '--sockets': 64,
  '--hogs': 1024,
  '--smt': 8,
  '--runs': 1000,
}

const MODELS = COST_MODELS.map(({ name }) => name)
const COSTS = Object.keys(COST_MODELS[0]!.constants)

/** One of the names that a setting may have. */
const oneOf =
  (...names: readonly string[]) =>
  (text: string, flag: string) =>
    known(text, names, flag)

/** A share of something. */
const share = (most: number) => (text: string, flag: string) => number(text, flag, 0, most)

/** Options that are keys of a machine's description, with how they are read. */
const HOST_OPTIONS: Readonly<Record<string, (text: string, flag: string) => unknown>> = {
  costModel: oneOf(...MODELS),
  sockets: (text, flag) => whole(text, flag, 1, MOST[flag]),
  virtual: onOff,
  hogs: (text, flag) => whole(text, flag, 0, MOST[flag]),
  apic: oneOf('xapic', 'x2apic-physical', 'x2apic-cluster'),
  postedInterrupts: onOff,
  ipiVirtualization: onOff,
  pvIpi: onOff,
  smt: (text, flag) => whole(text, flag, 1, MOST[flag]),
  cachePcpus: whole,
  pti: onOff,
  ptiFlush: oneOf('invpcid', 'deferred'),
  slice: (text, flag) => number(text, flag, LEAST_SLICE),
  scheduler: oneOf('turns', 'fair'),
  latency: (text, flag) => number(text, flag),
  wakeupGranularity: (text, flag) => number(text, flag),
  idleStates: oneOf(...IDLE_STATES),
  hostLoad: share(0.5),
  locks: oneOf('native', 'pv', 'pv-early'),
  pleWindow: (text, flag) => number(text, flag),
  boost: oneOf('none', 'yield', 'in-kernel', 'ipi-targets'),
  pvSchedYield: onOff,
  workingSet: (text, flag) => whole(text, flag, 0),
}

const KNOB_OPTIONS: { readonly [K in keyof Knobs]: (text: string, flag: string) => unknown } = {
  threads: (text, flag) => whole(text, flag),
  processes: (text, flag) => whole(text, flag, 1, 4096),
  pages: (text, flag) => whole(text, flag),
  think: (text, flag) => number(text, flag),
  idle: share(0.99),
  lru: onOff,
  batch: (text, flag) => whole(text, flag),
  cluster: (text, flag) => whole(text, flag),
  reclaimed: share(1),
  byPage: onOff,
  lazyMask: onOff,
  lazyCheck: oneOf('none', 'shared-line', 'own-line'),
  sharedLines: (text, flag) => whole(text, flag, 0),
  concurrent: onOff,
  ceiling: (text, flag) => whole(text, flag, 0),
  invlpgbThreshold: (text, flag) => whole(text, flag),
  mmapLock: oneOf('write', 'downgrade', 'none'),
  walkers: share(1),
  targets: (text, flag) => whole(text, flag, 0),
}

function given(
  flags: BenchFlags,
  options: Readonly<Record<string, (text: string, flag: string) => unknown>>,
) {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => typeof flags[name] === 'string')
      .map(([name, read]) => {
        const flag = flagOf(name)
        return [name, list(flags[name] as string, flag).map((value) => read(value, flag))]
      }),
  )
}

/** Settings of workloads that were given as options. */
export function knobsGiven(flags: BenchFlags): (keyof Knobs)[] {
  return (Object.keys(KNOB_OPTIONS) as (keyof Knobs)[]).filter((name) => flags[name] !== undefined)
}

interface MachineFile {
  readonly machine: Record<string, unknown>
  readonly workload: Record<string, unknown>
}

function readMachine(file: string | undefined): MachineFile {
  if (file === undefined) return { machine: {}, workload: {} }
  let data: unknown
  try {
    data = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`--machine ${file}: ${error instanceof Error ? error.message : 'cannot be read'}`)
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new UsageError(`--machine ${file}: must be one JSON object`)
  }
  const { workload = {}, $schema: _editors, ...machine } = data as Record<string, unknown>
  if (typeof workload !== 'object' || workload === null)
    throw new UsageError(`--machine ${file}: "workload" must be an object`)
  for (const [key, value] of Object.entries(workload)) {
    const expected = (DEFAULT_KNOBS as unknown as Record<string, unknown>)[key]
    if (expected === undefined) {
      throw new UsageError(
        `--machine ${file}: "workload.${key}": unknown; known: ${Object.keys(DEFAULT_KNOBS).join(', ')}`,
      )
    }
    if (typeof value !== typeof expected)
      throw new UsageError(`--machine ${file}: "workload.${key}" must be a ${typeof expected}`)
    KNOB_OPTIONS[key as keyof Knobs](textOf(value), `--machine ${file}: "workload.${key}"`)
  }
  if (typeof machine.costModel === 'string')
    known(machine.costModel, MODELS, `--machine ${file}: "costModel"`)
  if (typeof machine.costs === 'object' && machine.costs !== null)
    for (const name of Object.keys(machine.costs)) known(name, COSTS, `--machine ${file}: "costs"`)
  return { machine, workload: workload as Record<string, unknown> }
}

/** `exit=2000,icrExit=580`: constants that are different, in their own units. */
function costsGiven(text: string | undefined): Record<string, number> {
  if (text === undefined) return {}
  return Object.fromEntries(
    list(text, '--costs').map((entry) => {
      const [name = '', value] = entry.split('=', 2).map((part) => part.trim())
      if (value === undefined) throw new UsageError(`--costs ${entry}: must be NAME=VALUE, as exit=2000`)
      return [known(name, COSTS, '--costs'), number(value, `--costs ${name}`)]
    }),
  )
}

/** The costs of a machine's file, under those of the options. A file that says something else is refused later. */
function withCosts(machine: Record<string, unknown>, costs: Record<string, number>): Record<string, unknown> {
  if (Object.keys(costs).length === 0) return machine
  const { costs: own = {} } = machine
  return typeof own === 'object' ? { ...machine, costs: { ...own, ...costs } } : machine
}

/** The sizes of machines that are asked for. */
function machineSizes(flags: BenchFlags): Record<string, number[]> {
  const read = (value: string, flag: string) => whole(value, flag, 1, MOST[flag])
  return given(flags, { pcpus: read, vms: read, vcpus: read }) as Record<string, number[]>
}

/** A combination in two parts: settings of machines, and knobs of workloads. */
function byOwner(combination: Combination): {
  readonly settings: Combination
  readonly knobs: Partial<Knobs>
} {
  const part = (ofKnobs: boolean) =>
    Object.fromEntries(Object.entries(combination).filter(([name]) => name in KNOB_OPTIONS === ofKnobs))
  return { settings: part(false), knobs: part(true) }
}

/** A thread for each CPU at most, and nobody is a target twice: fewer than are asked for would be another benchmark. */
function refuseCrowd(
  { vcpus, virtual }: HostDescription,
  { threads = 0, targets = 0 }: Partial<Knobs>,
): void {
  const more = virtual ? '--vcpus' : '--pcpus'
  const has = `has ${vcpus} CPU${vcpus === 1 ? '' : 's'}`
  if (threads > vcpus)
    throw new UsageError(`--threads ${threads}: the machine ${has}; ${more} ${threads} gives it more`)
  if (targets >= vcpus)
    throw new UsageError(
      `--targets ${targets}: the machine ${has}, and who sends is no target; ${more} ${targets + 1} gives it more`,
    )
}

/** Everything that is asked for, checked. */
export function benchPlan(flags: BenchFlags): BenchPlan {
  const file = readMachine(flags.machine)
  const machine = withCosts(file.machine, costsGiven(flags.costs))
  const hosts = partBySize(given(flags, HOST_OPTIONS))
  const loads = partBySize(given(flags, KNOB_OPTIONS))
  const flushes = list(flags.flush ?? 'native', '--flush').map((name) =>
    known(name, BENCH_BACKENDS, '--flush'),
  )
  const frees = list(flags.free ?? 'rcu', '--free').map((name) => known(name, FREE_POLICIES, '--free'))
  known(flags.profile, PROFILE_NAMES, '--profile')
  // All arms of a place are virtual if one of them has to be: they run on the same thing.
  const paravirtual = flushes.find((flush) => flush !== 'native' && flush !== 'invlpgb') ?? 'native'
  const counts = { ...hosts.sizes, ...loads.sizes }
  const others = { ...hosts.others, ...loads.others }
  const places = combinations({ ...machineSizes(flags), ...counts })
  const arms = places.flatMap((size) => {
    const varying = varyingSizes(size, counts)
    let place: string | undefined
    return combinations(others).flatMap((change) => {
      const chosen = byOwner({ ...size, ...change })
      const settings: Record<string, unknown> = { ...machine, ...chosen.settings }
      const knobs: Partial<Knobs> = { ...file.workload, ...chosen.knobs }
      if (settings.virtual === false && paravirtual !== 'native')
        throw new UsageError(
          `--flush ${paravirtual}: is a hypervisor's; bare metal ("virtual": false) has native and invlpgb`,
        )
      const host = checkHost(settings, flags.machine ?? 'options', paravirtual)
      refuseCrowd(host, knobs)
      place ??= joined(placeName(host), sizeLabel(varying))
      const common = { host, knobs, place, label: armLabel(change, others), sizes: varying }
      return flushes.flatMap((flush) => frees.map((free): Arm => ({ flush, free, ...common })))
    })
  })
  const first = whole(flags.seed, '--seed', 0)
  const runs = whole(flags.runs, '--runs', 1, MOST['--runs'])
  return {
    arms,
    profile: flags.profile,
    seeds: Array.from({ length: runs }, (_, i) => first + 1000 * i),
    milliseconds: flags.ms === undefined ? undefined : number(flags.ms, '--ms', 0.1),
  }
}

/** `8 pCPUs, 2 VMs x 8 vCPUs`. */
export function placeName({ pcpus, vms, vcpus, virtual, hogs }: HostDescription): string {
  const cpus = `${pcpus} pCPU${pcpus === 1 ? '' : 's'}`
  const beside = hogs > 0 ? `, beside ${hogs} hog${hogs === 1 ? '' : 's'}` : ''
  return virtual
    ? `${cpus}, ${vms} VM${vms === 1 ? '' : 's'} x ${vcpus} vCPUs${beside}`
    : `${cpus}, bare metal`
}
