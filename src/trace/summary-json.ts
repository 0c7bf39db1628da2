import { FLUSH_REASONS } from './events.ts'
import type { LogHistogram } from './log-histogram.ts'
import { type FlushShare, poolByWorkload, type Summary } from './summary.ts'

/** The JSON document of `trace summary --json`; `docs/trace.md` describes it. */
export function summaryDocument(summaries: readonly Summary[]) {
  const pools = [...poolByWorkload(summaries)].map(
    ([workload, pool]) =>
      [workload, Object.fromEntries(pool.map((counts, i) => [FLUSH_REASONS[i], counts]))] as const,
  )
  return {
    schema: 'shootdown-trace-summary/1',
    recordings: summaries.map(recordingDocument),
    byWorkload: Object.fromEntries(pools),
  }
}

function recordingDocument(summary: Summary) {
  const { decoder, probes, ipiTargets } = summary
  const hasProbes = probes.flushes > 0
  return {
    name: summary.name,
    file: summary.file,
    workload: summary.sidecar?.workload ?? null,
    clock: decoder.clock ?? null,
    span: summary.span,
    seconds: summary.seconds ?? null,
    lines: decoder.lines,
    events: decoder.events,
    byEvent: Object.fromEntries(decoder.known),
    unknownEvents: Object.fromEntries(decoder.unknown),
    brokenLines: { count: decoder.brokenCount, first: decoder.broken },
    lostEvents: decoder.lost,
    flushes: Object.fromEntries(summary.flushes.map((counts, reason) => [FLUSH_REASONS[reason], counts])),
    paravirtual: { pages: summary.paravirtual, cpus: summary.paravirtualCpus },
    interruptedPerSend: ipiTargets.seen ? ipiTargets.perFlush : null,
    probes: hasProbes
      ? {
          reach: probes.reach,
          asked: probes.asked,
          maskOthers: probes.maskOthers,
          handledOthers: probes.handledOthers,
          freedTables: probes.freedTables,
          lazy: probes.lazy,
          preempted: probes.preempted,
          outcomes: probes.outcomes,
          latency: Object.fromEntries([...probes.latency].map(([cpus, times]) => [cpus, quantiles(times)])),
        }
      : null,
    faults: summary.faults,
    hypercalls: summary.hypercalls,
    vcpuFlushes: summary.vcpuFlushes,
    deferredFlushes: summary.deferredFlushes,
    byProcess: shares(summary.processes),
    byCpu: shares(summary.cpus),
  }
}

function quantiles(times: LogHistogram) {
  const at = (q: number) => Number(times.quantile(q).toPrecision(3))
  return { n: times.n, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: times.max }
}

function shares(map: ReadonlyMap<string | number, FlushShare>) {
  const named = [...map].map(([key, { reasons, paravirtual, faults }]) => {
    const flushes = Object.fromEntries(reasons.map((n, reason) => [FLUSH_REASONS[reason], n]))
    return [String(key), { flushes, paravirtual, faults }] as const
  })
  return Object.fromEntries(named)
}
