import type { Style } from '../report/style.ts'
import { columns, percent } from './columns.ts'
import type { FlushReason } from './events.ts'
import { PAGE_CLASSES, type PageCounts } from './page-counts.ts'
import { poolByWorkload, type Summary } from './summary.ts'

/** Several recordings side by side, and their flush sizes pooled by workload. */
export function formatSummaries(summaries: readonly Summary[], style: Style): string {
  return [countsTable(summaries, style), pooledTable(summaries, style)].join('\n\n')
}

function withFull(counts: PageCounts): string {
  return counts.total === 0 ? '-' : `${counts.total} (${Math.round(100 * counts.fullShare)}%)`
}

function countsTable(summaries: readonly Summary[], style: Style): string {
  const head = [
    'recording',
    's',
    'events',
    'switch',
    'local mm',
    'send',
    'remote',
    'paravirt.',
    'sends/s',
    'IPI/flush',
  ]
  const rows = summaries.map((summary) => {
    const [switches, remote, , local, send] = summary.flushes
    const { seconds, ipiTargets, paravirtual } = summary
    const ipis = ipiTargets.perFlush
    return [
      summary.name,
      seconds?.toFixed(1) ?? '-',
      summary.decoder.events,
      switches.total,
      withFull(local),
      withFull(send),
      withFull(remote),
      withFull(paravirtual),
      seconds ? Math.round((send.total + paravirtual.total) / seconds) : '-',
      ipiTargets.seen
        ? ipis
            .byKey()
            .map(([cpus, n]) => `${cpus}:${Math.floor((100 * n) / ipis.total)}%`)
            .join(' ')
        : '',
    ]
  })
  return `${style.bold('Recordings; in brackets the share of full flushes')}\n${columns(head, rows, style)}`
}

const POOLED: readonly (readonly [string, FlushReason])[] = [
  ['send (4)', 4],
  ['remote (1)', 1],
  ['local mm (3)', 3],
]

function pooledTable(summaries: readonly Summary[], style: Style): string {
  const rows: (string | number)[][] = []
  for (const [workload, pool] of poolByWorkload(summaries)) {
    for (const [name, reason] of POOLED) {
      const counts = pool[reason]!
      if (counts.total === 0) continue
      rows.push([
        `${workload}, ${name}`,
        counts.total,
        ...counts.classes().map((n) => percent(n, counts.total)),
      ])
    }
  }
  const head = ['workload, reason', 'n', ...PAGE_CLASSES.map(({ name }) => name), 'full']
  return `${style.bold('Pages per flush by workload, % of row')}\n${columns(head, rows, style)}`
}
