import { nativeTargets, type TargetRule } from '../../kernel/flush-rules.ts'
import type { Where } from '../events.ts'
import { type Flush, handledOn } from '../flush.ts'
import type { CpuView } from './cpu-replay.ts'
import type { Disagreement, Findings, Race } from './decisions.ts'
import type { MachineReplay } from './machine-replay.ts'
import { cpusOfMask } from './mask-replay.ts'

/** What a flush did with one other CPU, and what was predicted. */
interface Target {
  readonly cpu: number
  readonly predicted: boolean | undefined
  readonly recorded: boolean
}

const bit = (cpu: number): bigint => 1n << BigInt(cpu)

/**
 * The CPUs that a native flush interrupts: of the mask, those that are not lazy, or all when page tables are freed. The
 * initiator looks at them one by one between sending and flushing itself; a CPU that switches meanwhile may be seen
 * either way, and the mask is live.
 */
export function checkTargets(
  flush: Flush,
  replay: MachineReplay,
  findings: Findings,
  lost: readonly Where[],
  rule: TargetRule,
): void {
  const { remote, info } = flush
  if (info === undefined || remote?.returned === undefined) return
  if (remote.backend === 'xen' || remote.backend === 'hyperv') {
    const handled = handledOn(flush)
    findings.expect('CPUs interrupted', 'none', cpusOfMask(handled), {
      lines: [remote.at.line],
      cpu: remote.at.cpu,
    })
    return
  }
  const mask = remote.backend === 'kvm' ? remote.nativeMask : remote.mask
  if (mask === undefined) {
    findings.unchecked('CPUs interrupted')
    return
  }
  const [from, to] = [remote.at.line, flush.local?.at.line ?? remote.returned.line]
  const look = remote.sent?.at.line ?? from
  const queued = remote.queued.reduce((set, cpu) => set | bit(cpu), 0n)
  const recorded = queued | handledOn(flush) | remote.interrupted
  const targets = predict(mask, recorded, flush, replay, look, rule)
  const wrong = targets.filter(
    (target) => target.predicted !== undefined && target.predicted !== target.recorded,
  )
  if (wrong.length === 0) {
    if (targets.some(({ predicted }) => predicted === undefined)) findings.unchecked('CPUs interrupted')
    else findings.agreed('CPUs interrupted')
    return
  }
  const why = wrong.map((target) => explain(target, flush, replay, { from, to, look, mask }, lost))
  const worst = ['unexplained', 'lost', 'race'] as const
  const standing = worst.find((one) => why.some((reason) => reason.standing === one)) ?? 'unexplained'
  const race = why.find((reason) => reason.race !== undefined)?.race
  const found: Disagreement = {
    decision: 'CPUs interrupted',
    standing,
    lines: [from, ...why.flatMap(({ lines }) => lines)],
    cpu: remote.at.cpu,
    predicted: cpusOfMask(
      targets.reduce((set, one) => (one.predicted === true ? set | bit(one.cpu) : set), 0n),
    ),
    recorded: cpusOfMask(recorded),
    why: why.map(({ text }) => text).join('; '),
    ...(standing === 'race' && race !== undefined && { race }),
  }
  findings.disagree(found)
}

function predict(
  mask: bigint,
  recorded: bigint,
  flush: Flush,
  replay: MachineReplay,
  look: number,
  rule: TargetRule,
): Target[] {
  const { remote, info } = flush
  if (remote === undefined || info === undefined) return []
  const targets: Target[] = []
  const all = mask | recorded
  const cpus = Math.max(all.toString(2).length, replay.cpus.length)
  for (let cpu = 0; cpu < cpus; cpu++) {
    const inMask = isInMask(cpu, mask, info.mm, replay, look)
    if ((inMask === false && (recorded & bit(cpu)) === 0n) || cpu === remote.at.cpu) continue
    const { lazy, space } = replay.cpu(cpu).at(look)
    // A CPU that has not had an event yet sleeps: nothing is known of it, and nothing was recorded.
    const isSilent = inMask === undefined && space === undefined && lazy === undefined
    if (isSilent && (recorded & bit(cpu)) === 0n) continue
    const loaded = rule === 'not-lazy' ? true : replay.spaces.isNamed(space, info.mm)
    const chosen = nativeTargets({
      mask: inMask === false ? 0n : bit(cpu),
      cpu: remote.at.cpu,
      freedTables: info.freed,
      lazy: lazy === true ? bit(cpu) : 0n,
      loaded: loaded === false ? 0n : bit(cpu),
      rule,
    })
    const isUnknown = lazy === undefined || (loaded === undefined && lazy === false)
    const hangs = inMask === undefined || (isUnknown && !info.freed && inMask)
    targets.push({
      cpu,
      predicted: hangs ? undefined : chosen !== 0n,
      recorded: (recorded & bit(cpu)) !== 0n,
    })
  }
  return targets
}

/** CPUs that a probe's mask tells of: it is one word of the kernel's. */
const MASK_CPUS = 64

/** Whether a CPU is in the mask: as recorded, and beyond its first word as replayed; undefined where neither tells. */
function isInMask(
  cpu: number,
  mask: bigint,
  mm: string,
  replay: MachineReplay,
  look: number,
): boolean | undefined {
  if (cpu < MASK_CPUS) return (mask & bit(cpu)) !== 0n
  return replay.spaces.isNamed(replay.cpu(cpu).at(look).space, mm)
}

interface Reason {
  readonly standing: 'race' | 'lost' | 'unexplained'
  readonly text: string
  readonly lines: readonly number[]
  readonly race?: Race
}

function explain(
  { cpu, recorded }: Target,
  { info }: Flush,
  replay: MachineReplay,
  window: { readonly from: number; readonly to: number; readonly look: number; readonly mask: bigint },
  lost: readonly Where[],
): Reason {
  const views = replay.cpu(cpu).during(window.from, window.to)
  const mm = info?.mm ?? ''
  const inMask = isInMask(cpu, window.mask, mm, replay, window.look) === true
  const freed = info?.freed === true
  const fits = views.find(({ view }) => {
    // Whoever switches away is not lazy any more before it is out of the mask.
    if (recorded && inMask) return freed || view.lazy !== true
    const loaded = replay.spaces.isNamed(view.space, mm)
    return recorded ? loaded !== false : loaded !== true || (!freed && view.lazy !== false)
  })
  const wasOut = views.some(({ view }) => replay.spaces.isNamed(view.space, mm) !== true)
  if (!inMask && fits !== undefined && wasOut) {
    return {
      standing: 'race',
      race: 'joins the mask',
      lines: [fits.since],
      text: `CPU ${cpu} joins the mask meanwhile`,
    }
  }
  const nominal = { view: replay.cpu(cpu).at(window.look), since: replay.cpu(cpu).since(window.look) }
  if (fits !== undefined && fits.since !== nominal.since) {
    const [, after] = fits.since < nominal.since ? [fits, nominal] : [nominal, fits]
    const race = freed ? 'leaves the mask' : lazyRace(after.view)
    return { standing: 'race', race, lines: [after.since], text: `CPU ${cpu} ${race} meanwhile` }
  }
  const gone = lost.find(({ cpu: on, line }) => on === cpu && line >= window.from)
  if (!recorded && gone !== undefined) {
    return { standing: 'lost', lines: [gone.line], text: `CPU ${cpu} executed it, and its probe was lost` }
  }
  return { standing: 'unexplained', lines: [], text: `CPU ${cpu} did not change meanwhile` }
}

function lazyRace(after: CpuView): Race {
  return after.lazy === true ? 'goes lazy' : 'leaves lazy mode'
}
