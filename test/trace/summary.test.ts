import { describe, expect, it } from 'vitest'
import { PLAIN } from '../../src/report/style.ts'
import { FlushRate } from '../../src/trace/flush-rate.ts'
import { PageCounts } from '../../src/trace/page-counts.ts'
import { summarizePair } from '../../src/trace/run-summary.ts'
import { poolByWorkload, type Summary, summarize } from '../../src/trace/summary.ts'
import { formatSummary } from '../../src/trace/summary-text.ts'
import { recording } from './recordings.ts'

function figuresOf(summary: Summary) {
  const [switches, remote, , local, send] = summary.flushes
  const percent = (counts: PageCounts) => Math.round(100 * counts.fullShare)
  return {
    seconds: Number(summary.seconds?.toFixed(1)),
    events: summary.decoder.events,
    switches: switches.total,
    local: [local.total, percent(local)],
    send: [send.total, percent(send)],
    remote: [remote.total, percent(remote)],
  }
}

function perSend({ ipiTargets }: Summary): string {
  const { perFlush } = ipiTargets
  return perFlush
    .byKey()
    .map(([cpus, n]) => `${cpus}:${Math.floor((100 * n) / perFlush.total)}%`)
    .join(' ')
}

describe('the figures of a native recording', () => {
  it('are counts by reason, with the share of full flushes', async () => {
    expect(figuresOf(await summarize(recording('linux-6.12_8vcpu_rich.trace.txt.gz')))).toEqual({
      seconds: 9.3,
      events: 41591,
      switches: 827,
      local: [1466, 16],
      send: [1411, 15],
      remote: [1469, 29],
    })
    expect(figuresOf(await summarize(recording('linux-6.1_4vcpu_ccpf.trace.txt.gz')))).toEqual({
      seconds: 25.2,
      events: 37851,
      switches: 116,
      local: [1642, 2],
      send: [11, 91],
      remote: [10, 100],
    })
  })

  it('are CPUs interrupted per send, where the kernel has IPI events', async () => {
    const rich = await summarize(recording('linux-6.12_8vcpu_rich.trace.txt.gz'))
    expect(perSend(rich)).toBe('0:39% 1:29% 2:17% 3:7% 4:3% 5:2% 6:0% 7:0%')
    expect(perSend(await summarize(recording('linux-6.12_4vcpu_munmap.trace.txt.gz')))).toBe(
      '0:75% 1:23% 2:1% 3:0%',
    )
    const old = await summarize(recording('linux-6.1_4vcpu_rich.trace.txt.gz'))
    expect(old.ipiTargets.seen).toBe(false)
  })

  it('are sizes pooled by workload', async () => {
    const pool = poolByWorkload([
      await summarize(recording('linux-6.1_4vcpu_shfork.trace.txt.gz')),
      await summarize(recording('linux-6.1_4vcpu_cchalf.trace.txt.gz')),
    ])
    const shares = (workload: string, reason: number) => {
      const counts = pool.get(workload)?.[reason] ?? new PageCounts()
      return counts.classes().map((n) => Number(((100 * n) / counts.total).toFixed(1)))
    }
    expect(shares('shfork', 3)).toEqual([94.8, 0, 0, 0, 0, 0, 5.2])
    expect(shares('cchalf', 4)).toEqual([60.4, 0.9, 0.9, 3.6, 0, 0, 34.2])
    expect(shares('cchalf', 3)).toEqual([92.2, 2.1, 2, 0.6, 0.7, 0, 2.4])
  })
})

describe('the figures of a paravirtual guest', () => {
  it('are those of the backend for Xen', async () => {
    const summary = await summarize(recording('xen417pv-6.1_4vcpu_rich.trace.txt.gz'))
    const [one, few, , , , many] = summary.paravirtual.classes()
    expect({ total: summary.paravirtual.total, one, few, many, full: summary.paravirtual.full }).toEqual({
      total: 570,
      one: 151,
      few: 58,
      many: 0,
      full: 144,
    })
    expect(summary.paravirtualCpus.toJSON()).toEqual({ 2: 5, 3: 3, 4: 562 })
    expect(summary.count('xen_mmu_flush_tlb_one_user')).toBe(51)
    expect(summary.flushes.map(({ total }) => total)).toEqual([845, 0, 0, 47, 0, 0])
    expect(summary.seconds).toBeUndefined()
  })

  it('are CPUs handed to the host and kept for KVM, and what the host then does', async () => {
    const name = 'kvmpv-linux-6.12_4vcpu_rich'
    const { summary: guest, figures } = await summarizePair(
      recording(`${name}.guest.trace.txt.gz`),
      recording(`${name}.host.trace.txt.gz`),
    )
    expect(guest.probes.preempted).toEqual({ handed: 2275, kept: 6378 })
    expect(figures.deferred).toBe(716)
    // One more is after the end of the guest's recording.
    const host = await summarize(recording(`${name}.host.trace.txt.gz`))
    expect(host.deferredFlushes).toBe(717)
  })
})

describe('the time of the initiator', () => {
  it('grows with the CPUs that it waits for', async () => {
    const { probes } = await summarize(recording('linux-6.1_4vcpu_rich.trace.txt.gz'))
    const median = (cpus: number) => probes.latency.get(cpus)?.quantile(0.5) ?? 0
    const wanted = [10, 3717, 7383, 9130]
    wanted.forEach((us, cpus) => {
      expect(Math.abs(median(cpus) / us - 1)).toBeLessThan(0.011)
    })
    expect([0, 1, 2, 3].map((cpus) => probes.latency.get(cpus)?.n)).toEqual([1380, 615, 152, 198])
    expect(probes.latency.get(0)?.max).toBe(16337)
  })
})

describe('the rate over time', () => {
  it('keeps all flushes in a bounded number of bins', () => {
    const rate = new FlushRate()
    for (let time = 0; time < 1e9; time += 1e5) rate.add(time)
    const counts = rate.counts()
    expect(counts.length).toBeLessThanOrEqual(64)
    expect(counts.length).toBeGreaterThan(32)
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(10_000)
  })

  it('takes times that go backwards, as clocks of CPUs may', () => {
    const rate = new FlushRate()
    for (const time of [5000, 4000, 6000, Number.NaN]) rate.add(time)
    expect(rate.counts().reduce((sum, n) => sum + n, 0)).toBe(2)
  })
})

describe('the printed summary', () => {
  it.each([
    'linux-6.12_8vcpu_rich.trace.txt.gz',
    'xen417pv-6.1_4vcpu_xenmc.trace.txt.gz',
    'kvmpv-linux-6.12_4vcpu_rich.host.trace.txt.gz',
    'linux-6.1_4vcpu_ccpf.trace.txt.gz',
  ])('of %s', async (file) => {
    const text = formatSummary(await summarize(recording(file)), PLAIN, 'with plots')
    await expect(`${text}\n`).toMatchFileSnapshot(`golden/${file.replace('.trace.txt.gz', '')}.summary.txt`)
  })
})
