/** From list elements to runs of pages, as each hypervisor reads them; and what covers what. */
import {
  decodeGvaRange,
  type GvaRangeFormat,
  gvaRangeSpan,
  isCanonicalPage,
  PAGE_NUMBERS,
  type PageSpan,
} from '../../abi/gva-range.ts'
import type { FlushScope } from './plan.ts'

/**
 * The pages that elements name by the specification: an element whose first page is not canonical is ignored (and
 * still counts as completed), and so are pages beyond the top of the address space.
 */
export function spansOfElements(
  elements: readonly bigint[],
  format: GvaRangeFormat,
  virtualAddressBits: number,
): PageSpan[] {
  const spans: PageSpan[] = []
  for (const element of elements) {
    const { first, count } = gvaRangeSpan(decodeGvaRange(element, format))
    if (!isCanonicalPage(first, virtualAddressBits)) continue
    spans.push({ first, count: Math.min(count, PAGE_NUMBERS - first) })
  }
  return spans
}

/** The same runs with arithmetic modulo 2^64, as a host computes that adds pages to an address: a run may wrap to 0. */
export function wrappedSpan(span: PageSpan): PageSpan[] {
  const over = span.first + span.count - PAGE_NUMBERS
  if (over <= 0) return [span]
  return [
    { first: span.first, count: span.count - over },
    { first: 0, count: over },
  ]
}

/** Whether everything in `asked` is also in `done`. */
export function coversScope(done: FlushScope, asked: FlushScope): boolean {
  const vps = new Set(done.vps)
  return (
    asked.vps.every((vp) => vps.has(vp)) &&
    (done.addressSpace === 'all' || done.addressSpace === asked.addressSpace) &&
    (done.globals === 'flushed' || asked.globals === 'may-survive') &&
    (done.spans === 'all' || (asked.spans !== 'all' && coversSpans(done.spans, asked.spans)))
  )
}

/** Whether every page of `asked` is in some run of `done`. */
export function coversSpans(done: readonly PageSpan[], asked: readonly PageSpan[]): boolean {
  const merged = mergeSpans(done)
  return mergeSpans(asked).every((a) =>
    merged.some((d) => d.first <= a.first && a.first + a.count <= d.first + d.count),
  )
}

/** The same pages as runs that neither touch nor overlap, ascending. */
export function mergeSpans(spans: readonly PageSpan[]): PageSpan[] {
  const merged: { first: number; count: number }[] = []
  for (const span of [...spans].sort((a, b) => a.first - b.first)) {
    const last = merged.at(-1)
    if (last !== undefined && span.first <= last.first + last.count) {
      last.count = Math.max(last.count, span.first + span.count - last.first)
    } else {
      merged.push({ ...span })
    }
  }
  return merged
}
