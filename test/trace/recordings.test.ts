import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PageCounts } from '../../src/trace/page-counts.ts'
import { summarizePair } from '../../src/trace/run-summary.ts'
import { isPair, type Sidecar, sidecarPath } from '../../src/trace/sidecar.ts'
import { type Summary, summarize } from '../../src/trace/summary.ts'
import { allRecordings } from './recordings.ts'

/** Keys of sidecars beyond those that the product reads. */
interface Figures {
  readonly tlb_flush_by_reason?: Readonly<Record<string, number>>
  readonly tlb_flush_pages_by_reason?: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly duration?: number
  readonly span_s?: number
  readonly pairing?: Readonly<Record<string, number>> & { readonly hypercall_cycles?: string }
}

function figures(file: string): Figures {
  return JSON.parse(readFileSync(sidecarPath(file), 'utf8')) as Figures
}

function side(file: string): 'guest' | 'host' | 'single' {
  return file.includes('.host.') ? 'host' : file.includes('.guest.') ? 'guest' : 'single'
}

function expectedEvents(file: string, sidecar: Sidecar | undefined): Readonly<Record<string, number>> {
  if (sidecar === undefined) throw new Error(`${file} has no sidecar`)
  const counts = isPair(sidecar)
    ? side(file) === 'host'
      ? sidecar.host_events
      : sidecar.guest_events
    : sidecar.events
  return counts ?? {}
}

function expectedTotal(file: string, sidecar: Sidecar | undefined): number | undefined {
  if (sidecar === undefined) return undefined
  if (isPair(sidecar)) return side(file) === 'host' ? sidecar.host.events : sidecar.guest.events
  return Object.values(sidecar.events ?? {}).reduce((sum, n) => sum + n, 0)
}

/** Sidecars of pairs count the entries of a call under its name, and not its exits. */
function countedAs(summary: Summary, name: string): number {
  const call = /^sys_(?!enter_|exit_)(\w+)$/.exec(name)?.[1]
  const known = summary.decoder.known as ReadonlyMap<string, number>
  if (call === undefined) return known.get(name) ?? 0
  return known.get(`sys_enter_${call}`) ?? 0
}

function pageClasses(counts: PageCounts): Readonly<Record<string, number>> {
  const names = ['1', '2-3', '4-8', '9-16', '17-33', '>33', 'full(-1)']
  const named = counts.classes().map((n, i) => [names[i]!, n] as const)
  return Object.fromEntries(named.filter(([, n]) => n > 0))
}

describe.each(allRecordings().map((file) => [basename(file), file] as const))('%s', (_, file) => {
  it('is read without an error, and has the events that its sidecar counts', async () => {
    const summary = await summarize(file)
    const { decoder, sidecar } = summary
    expect(decoder.broken).toEqual([])
    expect([...decoder.unknown]).toEqual([])
    const wanted = expectedEvents(file, sidecar)
    const found = Object.fromEntries(Object.keys(wanted).map((name) => [name, countedAs(summary, name)]))
    expect(found).toEqual(wanted)
    expect(decoder.events).toBe(expectedTotal(file, sidecar))
    const { tlb_flush_by_reason, tlb_flush_pages_by_reason, duration } = figures(file)
    for (const [reason, n] of Object.entries(tlb_flush_by_reason ?? {})) {
      expect(summary.flushes[Number(reason) as 0]?.total).toBe(n)
    }
    for (const [reason, classes] of Object.entries(tlb_flush_pages_by_reason ?? {})) {
      expect(pageClasses(summary.flushes[Number(reason) as 0])).toEqual(classes)
    }
    if (duration !== undefined && decoder.clock === 'us') expect(summary.seconds).toBeCloseTo(duration, 2)
  })

  it.skipIf(side(file) !== 'guest')('pairs every flush of the guest with its hypercall', async () => {
    const { pairing } = figures(file)
    const { figures: pair } = await summarizePair(file, file.replace('.guest.', '.host.'))
    if (pairing === undefined) {
      expect(pair.flushes).toBe(0)
      return
    }
    expect(pair.paired).toBe(pair.flushes)
    expect(pair.unexplainedCalls).toBe(0)
    expect({
      'guest flush_multi': pair.flushes,
      'all form': pair.allProcessors,
      'mask form': pair.maskForm,
      'EX shape ok': pair.exForm,
      'whole TLB': pair.wholeTlbRuns,
      'after return': pair.othersAfterReturn,
      'before return': pair.othersBeforeReturn,
    }).toEqual({
      'guest flush_multi': pairing['guest flush_multi'],
      'all form': pairing.ALL_PROCESSORS ?? 0,
      'mask form': pairing['mask form'] ?? 0,
      'EX shape ok': pairing['EX shape ok'] ?? 0,
      'whole TLB': pairing['vcpu flush work ret=-28'] ?? 0,
      'after return': pairing['target other: done after hypercall_done'] ?? 0,
      'before return': pairing['target other: done before hypercall_done'] ?? 0,
    })
    const [p50, p90, p99, max] = pair.hypercallCycles ?? []
    expect(`n=${pair.paired} p50=${p50} p90=${p90} p99=${p99} max=${max}`).toBe(pairing.hypercall_cycles)
  })
})
