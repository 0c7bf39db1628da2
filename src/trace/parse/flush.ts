import type { Cursor } from '../cursor.ts'
import {
  FLUSH_REASONS,
  type FlushFields,
  type FlushFunc,
  type FlushInfo,
  type FlushMulti,
  type FlushMultiReturn,
  type FlushRange,
  type FlushReason,
  type TlbFlush,
  type Where,
} from '../events.ts'
import { FIELD } from '../fields.ts'

/** `pages:3 reason:remote ipi send (4)`; trace-cmd prints `=` for `:`. */
export function tlbFlush(c: Cursor, at: Where): TlbFlush {
  const pages = c.int(FIELD.pages)
  const reason = c.lastParenthesis()
  if (FLUSH_REASONS[reason] === undefined) c.failed = true
  return { kind: 'tlb_flush', at, pages, reason: reason as FlushReason }
}

/** `(flush_tlb_mm_range+0x0/0x170) mm=0x.. start=0x.. end=0x.. stride=12 freed=0` */
export function flushRange(c: Cursor, at: Where): FlushRange {
  const { mm, start, end } = range(c)
  return {
    kind: 'flush_range',
    at,
    mm,
    start,
    end,
    stride: c.int(FIELD.stride),
    freed: c.int(FIELD.freed) !== 0,
  }
}

/** As {@link flushRange}, with `gen=85 cpu=3` */
export function flushFunc(c: Cursor, at: Where): FlushFunc {
  const { mm, start, end, gen, initiator, stride, freed } = info(c)
  return { kind: 'flush_func', at, mm, start, end, gen, initiator, stride, freed }
}

/** As {@link flushFunc}, with `mask=0xf` */
export function flushMulti<K extends FlushMulti['kind']>(kind: K) {
  return (c: Cursor, at: Where): FlushMulti => {
    const mask = c.bits(FIELD.mask)
    const { mm, start, end, gen, initiator, stride, freed } = info(c)
    return { kind, at, mm, start, end, gen, initiator, stride, freed, mask }
  }
}

/** `(flush_tlb_mm_range+0xf0/0x170 <- native_flush_tlb_multi)`: nothing to read. */
export function flushMultiReturn<K extends FlushMultiReturn['kind']>(kind: K) {
  return (_c: Cursor, at: Where): FlushMultiReturn => ({ kind, at })
}

function range(c: Cursor): Pick<FlushFields, 'mm' | 'start' | 'end'> {
  return { mm: c.word(FIELD.mm), start: c.address(FIELD.start), end: c.address(FIELD.end) }
}

function info(c: Cursor): FlushInfo {
  const { mm, start, end } = range(c)
  const gen = c.int(FIELD.gen)
  const initiator = c.cpu(FIELD.cpu)
  return { mm, start, end, gen, initiator, stride: c.int(FIELD.stride), freed: c.int(FIELD.freed) !== 0 }
}
