/** One run of a replay: a recording's scripts on a host, with one backend, one policy and one seed, and what came of it. */
import { InternalError } from '../../core/errors.ts'
import type { HypervKernel } from '../../kernel/flush/hyperv-rules.ts'
import { resolveCosts } from '../../simulate/cost-model.ts'
import { costModel } from '../../simulate/costs/registry.ts'
import { Engine } from '../../simulate/engine.ts'
import { Guest } from '../../simulate/guest.ts'
import { Histogram, type LatencySummary } from '../../simulate/histogram.ts'
import type { HostDescription } from '../../simulate/host.ts'
import { ACCOUNTS, type Account } from '../../simulate/operations.ts'
import { Random } from '../../simulate/random.ts'
import { Timeline } from '../../simulate/timeline.ts'
import { QUICK } from './extract.ts'
import { buildReplayGuest, type ReplayBackend, type ReplayGuest } from './guest.ts'
import { installReplay, ReplayProgress } from './program.ts'
import type { CpuScript } from './stream.ts'

/** What is run. */
export interface ReplaySpec {
  readonly scripts: readonly CpuScript[]
  readonly spaces: number
  readonly host: HostDescription
  readonly flush: ReplayBackend
  readonly free: string
  readonly profile: string
  readonly kernel: HypervKernel
  readonly invlpgbThreshold: number
  /** Recorded time is divided by it. */
  readonly speed: number
  readonly seed: number
  readonly perfetto?: boolean
}

/** What came of it. Times in nanoseconds, of the average guest. */
export interface ReplayResult {
  /** Until all vCPUs of a guest have done their scripts, on average over the guests. */
  readonly time: number
  /** Share of the vCPUs' time that is not idle which initiators spend in flushes. */
  readonly flushShare: number
  /** Time of a flush: the mean, and within which the quickest tenth is done. */
  readonly perFlush: number
  readonly quickest: number
  readonly remote: LatencySummary
  readonly local: LatencySummary
  /** For each flush: interrupts that the guest's CPUs have taken, calls of the hypervisor, all exits. */
  readonly interrupts: number
  readonly hypercalls: number
  readonly exits: number
  readonly shares: Readonly<Record<Account, number>>
  readonly violations: number
  readonly timeline?: string
}

/** Guests begin within so much of the run's expected length of each other. */
const STAGGER = 0.02

/** Runs a specification to the end of all scripts. */
export function runReplay(spec: ReplaySpec, onProgress: (share: number) => void = () => {}): ReplayResult {
  const { host, scripts } = spec
  const costs = resolveCosts(costModel(host.costModel), host.costs)
  const random = new Random(spec.seed)
  const scale = 1000 / spec.speed
  const wakeUp = costs.wake + (host.virtual ? costs.hostSwitch + costs.exit : 0)
  const expected = Math.max(...scripts.map(lengthOf)) * scale
  const guests = Array.from({ length: host.vms }, (_, vm) => {
    const guest = buildReplayGuest({ ...spec, cpus: host.vcpus })
    const progress = new ReplayProgress()
    const delay = vm === 0 ? 0 : random.next() * STAGGER * expected
    installReplay({ guest, scripts, random: random.fork(), scale, wakeUp, delay, progress })
    return { guest, progress, timed: new Guest(guest.machine.program(), guest.machine.cpus) }
  })
  const timeline = spec.perfetto === true ? new Timeline() : undefined
  const engine = new Engine({
    host,
    costs,
    guests: guests.map(({ timed }) => timed),
    seed: spec.seed + 1,
    timeline,
  })
  const steps = scripts.reduce((sum, script) => sum + script.length, 0) * host.vms
  const step = Math.max(1e5, expected / STEPS)
  const all = host.vcpus * host.vms
  for (let until = step, still = 0; ; until += step) {
    const before = engine.agenda.lastEvent
    engine.run(until)
    still = engine.agenda.lastEvent === before ? still + 1 : 0
    if (still > STANDSTILL) throw new InternalError('a replay stands still before its scripts are done')
    const done = guests.reduce((sum, { progress }) => sum + progress.steps, 0)
    onProgress(steps === 0 ? 1 : done / steps)
    if (guests.reduce((sum, { progress }) => sum + progress.finished, 0) === all) break
  }
  return {
    ...resultOf(engine, guests),
    ...(timeline && { timeline: timeline.toJson(engine.vcpus, engine.scheduler.pcpus, engine.agenda.now) }),
  }
}

const STEPS = 20
/** Parts of the expected length in which nothing at all happens. */
const STANDSTILL = 20 * STEPS

interface Replayed {
  readonly guest: ReplayGuest
  readonly progress: ReplayProgress
  readonly timed: Guest
}

function resultOf(engine: Engine, guests: readonly Replayed[]): ReplayResult {
  const merged = (of: (progress: ReplayProgress) => Histogram) => {
    const all = new Histogram()
    for (const { progress } of guests) all.merge(of(progress))
    return all
  }
  const spent = ACCOUNTS.map((_, account) =>
    engine.vcpus.reduce((sum, vcpu) => sum + (vcpu.agent ? 0 : vcpu.spent[account]!), 0),
  )
  const of = (account: Account) => spent[ACCOUNTS.indexOf(account)]!
  const total = spent.reduce((sum, one) => sum + one, 0)
  const remote = merged(({ remote: own }) => own)
  const local = merged(({ local: own }) => own)
  const all = new Histogram()
  all.merge(remote)
  all.merge(local)
  const flushes = all.count || 1
  const flushTime = all.sum
  return {
    time: guests.reduce((sum, { progress }) => sum + progress.time, 0) / guests.length,
    flushShare: flushTime / (total - of('idle') - of('not running')),
    perFlush: flushTime / flushes,
    quickest: all.quantile(QUICK),
    remote: remote.summary(),
    local: local.summary(),
    interrupts: engine.counts.interrupts / flushes,
    hypercalls: guests.reduce((sum, { guest }) => sum + guest.counts.hypercalls, 0) / flushes,
    exits: engine.counts.exits / flushes,
    shares: Object.fromEntries(
      ACCOUNTS.map((name, account) => [name, total === 0 ? 0 : spent[account]! / total]),
    ) as ReplayResult['shares'],
    violations: guests.reduce((sum, { timed }) => sum + timed.memory.violations, 0),
  }
}

/** Microseconds of the recording that a script takes. */
function lengthOf(script: CpuScript): number {
  return script.at(-1)?.at ?? 0
}
