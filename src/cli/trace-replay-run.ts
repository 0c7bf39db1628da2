/** Runs `shootdown trace replay` and prints what came of it. */
import { writeFileSync } from 'node:fs'
import { UsageError } from '../core/errors.ts'
import { styleFor } from '../report/style.ts'
import { didYouMean } from '../run/nearest.ts'
import type { HostDescription } from '../simulate/host.ts'
import { DEFAULT_KNOBS } from '../simulate/workloads/workload.ts'
import { REPLAY_BACKENDS, type ReplayBackend } from '../trace/replay/guest.ts'
import { replaySvg } from '../trace/replay/plot.ts'
import { type Replayable, readReplay } from '../trace/replay/read.ts'
import { type Replayed, type ReplayedArm, type ReplayPlan, replay } from '../trace/replay/replay.ts'
import { formatReplay } from '../trace/replay/text.ts'
import { type BenchFlags, benchPlan, number, placeName, whole } from './bench-options.ts'
import { shareProgress } from './share-progress.ts'

/** What commander gives. */
export interface ReplayFlags extends BenchFlags {
  readonly flush: string
  readonly free: string
  readonly flushes: string
  readonly speed?: string
  readonly mhz?: string
}

export async function runTraceReplay(file: string, flags: ReplayFlags): Promise<void> {
  for (const name of flags.flush.split(',').map((one) => one.trim())) backendOf(name)
  const mhz = flags.mhz === undefined ? undefined : number(flags.mhz, '--mhz', Number.MIN_VALUE)
  const recording = await readReplay(file, whole(flags.flushes, '--flushes'), mhz)
  const plan = replayPlan(recording, flags)
  const progress = shareProgress(process.stderr, `replay, ${plan.arms.length * plan.seeds.length} runs`)
  let result: Replayed
  try {
    result = await replay(plan, { onProgress: progress.update })
  } finally {
    progress.clear()
  }
  if (flags.perfetto !== undefined) writeFileSync(flags.perfetto, result.timeline ?? '')
  if (flags.plot !== undefined) writeFileSync(flags.plot, replaySvg(recording.name, result, placeOf))
  const style = styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {})
  const text =
    flags.json === true
      ? JSON.stringify(document(recording, plan, result), undefined, 2)
      : formatReplay(recording, result, placeOf, style)
  process.stdout.write(`${text}\n`)
}

function backendOf(name: string): ReplayBackend {
  const found = REPLAY_BACKENDS.find((backend) => backend === name)
  if (found !== undefined) return found
  throw new UsageError(
    `--flush ${name}: unknown${didYouMean(name, REPLAY_BACKENDS)}; a replay has: ${REPLAY_BACKENDS.join(', ')}`,
  )
}

/** The arms that are asked for, behind the recorded form on a host of the recorded size. */
export function replayPlan(recording: Replayable, flags: ReplayFlags): ReplayPlan {
  const cpus = String(recording.cpus.length)
  const sized: BenchFlags = { ...flags, pcpus: flags.pcpus ?? cpus, vcpus: flags.vcpus ?? cpus }
  // All arms are on one kind of machine: virtual if one of them has to be.
  const all = { ...sized, flush: `${recording.backend},${flags.flush}` }
  const asked = benchPlan(all).arms.filter(({ flush }) =>
    flags.flush.split(',').some((one) => one.trim() === flush),
  )
  const [recorded] = benchPlan({ ...all, pcpus: cpus, vcpus: cpus, vms: '1' }).arms
  const { profile, seeds } = benchPlan(sized)
  const armOf = (arm: { readonly flush: string; readonly free: string; readonly host: HostDescription }) => ({
    flush: backendOf(arm.flush),
    free: arm.free,
    host: arm.host,
  })
  const first = armOf(recorded!)
  const others = asked.map(armOf).filter((arm) => JSON.stringify(arm) !== JSON.stringify(first))
  return {
    recording,
    arms: [first, ...others],
    profile,
    invlpgbThreshold: recorded!.knobs.invlpgbThreshold ?? DEFAULT_KNOBS.invlpgbThreshold,
    seeds,
    speed: flags.speed === undefined ? 'fitted' : number(flags.speed, '--speed', Number.MIN_VALUE),
    perfetto: flags.perfetto !== undefined,
  }
}

const placeOf = ({ host }: ReplayedArm) => placeName(host)

function document(
  { name, kernel, backend, probes, spaces, cpus, figures }: Replayable,
  plan: ReplayPlan,
  result: Replayed,
) {
  return {
    schema: 'shootdown-replay/1',
    recording: {
      name,
      kernel: kernel ?? null,
      backend,
      probes,
      cpus: cpus.length,
      addressSpaces: spaces,
      ...figures,
    },
    speed: result.speed,
    seeds: plan.seeds,
    arms: result.arms.map(({ host, ...arm }) => ({ ...arm, machine: host })),
  }
}
