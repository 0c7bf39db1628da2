import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkHost } from '../../src/simulate/host.ts'
import { ownTlbOrder } from '../../src/trace/check/kernel-rules.ts'
import { BareFlushes } from '../../src/trace/replay/bare-flushes.ts'
import type { ReplayBackend } from '../../src/trace/replay/guest.ts'
import { type Replayable, readReplay } from '../../src/trace/replay/read.ts'
import { type ReplaySpec, runReplay } from '../../src/trace/replay/run.ts'
import { placeOn, type RecordedCpu } from '../../src/trace/replay/stream.ts'
import { summarize } from '../../src/trace/summary.ts'
import { shootdown } from '../cli/shootdown.ts'
import { eventsOf, ftraceLine } from './decode.ts'
import { recording } from './recordings.ts'

const directory = mkdtempSync(join(tmpdir(), 'trace-replay-'))
afterAll(() => rmSync(directory, { recursive: true }))

const MUNMAP = await readReplay(recording('linux-6.12_4vcpu_munmap.trace.txt.gz'), 300)
const RICH = await readReplay(recording('linux-6.1_4vcpu_rich.trace.txt.gz'), 1e9)

function specOf(
  recorded: Replayable,
  flush: ReplayBackend,
  changes: Partial<ReplaySpec> = {},
  vms = 1,
): ReplaySpec {
  const { length } = recorded.cpus
  return {
    scripts: placeOn(length, recorded.cpus),
    spaces: recorded.spaces,
    host: checkHost({ pcpus: length, vcpus: length, vms, virtual: true }, 'test'),
    flush,
    free: 'rcu',
    profile: 'tlfs',
    kernel: '6.1',
    invlpgbThreshold: 4,
    speed: 60,
    seed: 1,
    ...changes,
  }
}

describe('what is taken from a recording', () => {
  it('are all flushes, those of others in the mask, and their executions', async () => {
    const { probes } = await summarize(recording('linux-6.1_4vcpu_rich.trace.txt.gz'))
    const { figures } = RICH
    expect(figures.flushes).toBe(probes.flushes)
    expect(figures.remote).toBe(probes.reach.get('remote'))
    expect(figures.executions).toBe(
      [...probes.handledOthers.byKey()].reduce((sum, [cpus, n]) => sum + cpus * n, 0),
    )
  })

  it('are, without probes, the events of flushes', async () => {
    const whole = await readReplay(recording('linux-6.12_4vcpu_munmap.trace.txt.gz'), 1e9)
    const { flushes } = await summarize(recording('linux-6.12_4vcpu_munmap.trace.txt.gz'))
    expect(whole.probes).toBe(false)
    expect(whole.figures.remote).toBe(flushes[4].total)
    // Nearly every flush has its own part; one of another's address space has none.
    const all = whole.figures.flushes + whole.figures.leftOut
    expect(all).toBeGreaterThanOrEqual(flushes[3].total)
    expect(all).toBeLessThan(flushes[3].total + 5)
  })

  it('is whose address space is flushed: that of the task, but for exec and khugepaged', () => {
    let own = 0
    let other = 0
    for (const script of placeOn(4, RICH.cpus)) {
      let loaded: number | 'lazy' | undefined
      for (const step of script) {
        if (step.kind === 'switch') loaded = step.to
        else if (step.kind === 'flush') step.space === loaded ? own++ : other++
      }
    }
    expect(own + other).toBe(RICH.figures.flushes)
    expect(other).toBeLessThan(10)
  })

  it('covers all time of each CPU', () => {
    for (const { segments, idle } of RICH.cpus) {
      const slept = idle.reduce((sum, [from, to]) => sum + to - from, 0)
      const worked = segments
        .flatMap(({ steps }) => steps)
        .reduce((sum, step) => sum + ('work' in step ? step.work : 0), 0)
      // The rest is in flushes.
      expect(slept + worked).toBeLessThanOrEqual(RICH.figures.span)
      expect(slept + worked).toBeGreaterThan(RICH.figures.span * 0.7)
    }
  })
})

describe('flushes without probes', () => {
  const lines = ['local mm shootdown (3)', 'remote ipi send (4)', 'local mm shootdown (3)']
  const events = eventsOf(lines.map((reason) => ftraceLine(`tlb_flush: pages:3 reason:${reason}`)).join(''))
  const found = (order: 'others first' | 'own first') => {
    const flushes: string[] = []
    const bare = new BareFlushes(order, (_, pages, remote) =>
      flushes.push(`${pages} ${remote ? 'remote' : 'local'}`),
    )
    for (const event of events) bare.add(event)
    bare.finish()
    return flushes
  }

  it('are two halves in the order of the kernel', () => {
    expect(found('others first')).toEqual(['3 local', '3 remote'])
    expect(found('own first')).toEqual(['3 remote', '3 local'])
    expect(ownTlbOrder('Linux version 5.10.0-28-amd64')).toBe('own first')
    expect(ownTlbOrder('Linux version 5.15.0')).toBe('others first')
  })
})

describe('recorded CPUs', () => {
  const busy = (time: number, to: number): RecordedCpu['segments'][number] => ({
    time,
    steps: [{ kind: 'switch', at: time, to }],
  })
  const cpus: readonly RecordedCpu[] = [
    { segments: [busy(0, 1), busy(50, 2)], idle: [[20, 50]] },
    {
      segments: [busy(10, 3)],
      idle: [
        [0, 10],
        [30, 90],
      ],
    },
  ]

  it('are a vCPU each', () => {
    expect(placeOn(2, cpus)[1]).toEqual([
      { kind: 'idle', at: 10 },
      { kind: 'switch', at: 10, to: 3 },
      { kind: 'idle', at: 90 },
    ])
  })

  it('meet on fewer vCPUs, which sleep when all of them did', () => {
    expect(placeOn(1, cpus)[0]).toEqual([
      { kind: 'switch', at: 0, to: 1 },
      { kind: 'switch', at: 10, to: 3 },
      { kind: 'idle', at: 50 },
      { kind: 'switch', at: 50, to: 2 },
    ])
  })

  it('leave further vCPUs idle', () => {
    expect(placeOn(3, cpus)[2]).toEqual([])
  })
})

describe('a replay', () => {
  it('in the recorded form has as many flushes with others in the mask as were recorded', () => {
    const { remote, local } = runReplay(specOf(MUNMAP, 'native'))
    expect(remote.count + local.count).toBe(MUNMAP.figures.flushes)
    expect(remote.count / MUNMAP.figures.remote).toBeGreaterThan(0.95)
    expect(remote.count / MUNMAP.figures.remote).toBeLessThan(1.05)
  })

  it('takes as long as the recording, divided by the speed, where flushes take no time to speak of', () => {
    const { time } = runReplay(specOf(MUNMAP, 'invlpgb', { speed: 1 }))
    expect(time / 1000 / MUNMAP.figures.span).toBeGreaterThan(0.95)
    expect(time / 1000 / MUNMAP.figures.span).toBeLessThan(1.05)
  })

  it('is the same for the same seed, and another for another', () => {
    const run = (seed: number) => runReplay(specOf(MUNMAP, 'native', { seed }))
    expect(run(7)).toEqual(run(7))
    expect(run(7).time).not.toBe(run(8).time)
  })

  it.each(['hyperv', 'xen'] as const)('on %s makes one call a flush, and interrupts no guest', (flush) => {
    const { hypercalls, interrupts, remote } = runReplay(specOf(MUNMAP, flush))
    expect(hypercalls).toBeGreaterThanOrEqual(remote.count / MUNMAP.figures.flushes)
    expect(interrupts).toBe(0)
  })

  it('on an overcommitted host makes IPIs wait for vCPUs that do not run, and KVM PV and hypercalls not', () => {
    // Threads on all CPUs that never sleep, and slices that end often.
    const steps = Array.from({ length: 150 }, (_, i) => ({
      kind: 'flush' as const,
      at: 20 * (i + 1),
      work: 20,
      space: 0,
      pages: 1,
      freedTables: false,
    }))
    const scripts = Array.from({ length: 4 }, () => [{ kind: 'switch' as const, at: 0, to: 0 }, ...steps])
    const run = (flush: ReplayBackend, vms: number) => {
      const host = checkHost({ pcpus: 4, vcpus: 4, vms, virtual: true, slice: 100 }, 'test')
      return runReplay({ ...specOf(MUNMAP, flush), scripts, spaces: 1, host, speed: 1 })
    }
    const alone = run('native', 1)
    const crowded = run('native', 2)
    expect(crowded.perFlush).toBeGreaterThan(3 * alone.perFlush)
    expect(run('kvm', 2).perFlush).toBeLessThan(crowded.perFlush / 2)
    expect(run('hyperv', 2).perFlush).toBeLessThan(crowded.perFlush / 2)
  })

  it('frees tables by each policy, and none is used afterwards', () => {
    const recorded = {
      ...RICH,
      cpus: RICH.cpus.map(({ segments, idle }) => ({ segments: segments.slice(0, 200), idle })),
    }
    const run = (free: string) => runReplay(specOf(recorded, 'native', { free }))
    const [immediate, sync, rcu] = [run('immediate'), run('ipi-sync'), run('rcu')]
    for (const { violations } of [immediate, sync, rcu]) expect(violations).toBe(0)
    expect(sync.interrupts).toBeGreaterThan(immediate.interrupts)
  })
})

describe('shootdown trace replay', () => {
  const FILE = recording('linux-6.1_4vcpu_ccpf.trace.txt.gz')

  it('prints a table, a plot, and one document', async () => {
    const plot = join(directory, 'plot.svg')
    const command = `trace replay ${FILE} --flush hyperv --flushes 200 --runs 2 --plot ${plot}`
    const { stdout, status } = await shootdown(command)
    expect(status).toBe(0)
    expect(stdout).toContain('native, rcu (recorded)')
    expect(stdout).toContain('hyperv, rcu')
    expect(readFileSync(plot, 'utf8')).toMatch(/^<svg/)
    const { stdout: json } = await shootdown(`${command} --json`)
    const { schema, arms, speed } = JSON.parse(json)
    expect(schema).toBe('shootdown-replay/1')
    expect(arms.map(({ flush }: { flush: string }) => flush)).toEqual(['native', 'hyperv'])
    expect(arms[0].ratio.value).toBe(1)
    expect(speed).toBeGreaterThan(1)
  })

  const line = (event: string) => `            init-1       [000] d..2.   106.458314: ${event}\n`
  const SWITCH =
    'sched_switch: prev_comm=a prev_pid=1 prev_prio=1 prev_state=S ==> next_comm=b next_pid=2 next_prio=1'
  it.each([
    ['no context switches', line('tlb_flush: pages:3 reason:local mm shootdown (3)'), 'sched_switch'],
    ['no flushes', line(SWITCH), 'no flushes'],
    [
      'a clock of unknown rate',
      (line('tlb_flush: pages:3 reason:local mm shootdown (3)') + line(SWITCH)).replaceAll(
        '106.458314',
        '106458314',
      ),
      '--mhz',
    ],
  ])('refuses a recording with %s in one line', async (_, text, why) => {
    const file = join(directory, 'lacking.txt')
    writeFileSync(file, text)
    const { status, stderr } = await shootdown(`trace replay ${file}`)
    expect(status).toBe(2)
    expect(stderr).toContain(why)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it.each([
    ['--flush hyprev', 'hyperv'],
    ['--flush serialize', 'a replay has'],
    ['--speed 0', '--speed'],
    ['--flushes x', '--flushes'],
    ['--machine none.json', 'none.json'],
  ])('refuses %s in one line', async (flags, why) => {
    const { status, stderr } = await shootdown(`trace replay ${FILE} ${flags}`)
    expect(status).toBe(2)
    expect(stderr).toContain(why)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})
