/** Any registers over any memory give a plan, on every profile, and a plan is consistent with itself. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CALL_SHAPES, decodeResultWord } from '../../../src/abi/index.ts'
import { planHypercall } from '../../../src/hypervisor/hyperv/dispatch.ts'
import {
  EMPTY_FIFO,
  fifoDrain,
  fifoEnqueue,
  KVM_FIFO_SIZE,
  KVM_FLUSH_ALL_ENTRY,
  type KvmFifo,
} from '../../../src/hypervisor/hyperv/kvm-fifo.ts'
import { scopeOfCall } from '../../../src/hypervisor/hyperv/meaning.ts'
import { callerOn, PROFILE_NAMES, partitionOf } from '../../../src/hypervisor/hyperv/partition.ts'
import { coversScope, coversSpans, mergeSpans } from '../../../src/hypervisor/hyperv/spans.ts'

const PARTITION = partitionOf([0, 1, 2, 3, 65, 66, 130])
const half = fc.integer({ min: 0, max: 0xffff_ffff })
const word = fc.tuple(half, half).map(([high, low]) => (BigInt(high) << 32n) | BigInt(low))
const small = fc.constantFrom(0n, 1n, 2n, 3n, 4n, 5n, 8n, 0x11n)
const code = fc.constantFrom(...CALL_SHAPES.map((s) => BigInt(s.code)))
const control = fc.oneof(
  word,
  fc
    .tuple(code, fc.constantFrom(0n, 0x10000n), fc.bigInt(0n, 4n), fc.bigInt(0n, 20n), fc.bigInt(0n, 2n))
    .map(([c, fast, banks, count, start]) => c | fast | (banks << 17n) | (count << 32n) | (start << 48n)),
)
const page = fc.array(fc.oneof(small, small, word), { minLength: 12, maxLength: 24 })

describe('any call', () => {
  test.each(PROFILE_NAMES)('%s plans it', (profile) => {
    const gpa = fc.oneof(
      fc.constant(0x10000n),
      fc.constantFrom(0x10004n, 0x10ff8n, 0xffff_ffff_ffff_fff8n),
      word,
    )
    fc.assert(
      fc.property(control, gpa, page, (rcx, rdx, words) => {
        const bytes = new Uint8Array(4096)
        const view = new DataView(bytes.buffer)
        for (const [k, w] of words.entries()) view.setBigUint64(8 * k, w, true)
        const memory = (at: bigint, length: number) => {
          const offset = Number(at - 0x10000n)
          return offset >= 0 && offset + length <= 4096 ? bytes.subarray(offset, offset + length) : null
        }
        const xmm = words.slice(2, 14)
        const call = { registers: { rcx, rdx, r8: words[1]!, xmm }, memory, caller: callerOn(0) }
        const plan = planHypercall(profile, call, PARTITION)
        if (plan.kind !== 'complete') return true
        const result = decodeResultWord(plan.result)
        if (result.status !== plan.status || result.repsCompleted !== plan.repsCompleted) return false
        // An error flushes nothing. A success of the specification flushes exactly what was asked.
        if (plan.status !== 0) return plan.flush === null && plan.ipi === null && plan.queue === null
        if (plan.flush === null || profile !== 'tlfs') return true
        const asked = scopeOfCall(call, PARTITION)
        return asked !== null && coversScope(plan.flush, asked) && coversScope(asked, plan.flush)
      }),
      { numRuns: 100_000 },
    )
  })
})

describe('the KVM queue', () => {
  const requests = fc.array(
    fc.oneof(fc.constant('flush-all' as const), fc.array(word, { minLength: 1, maxLength: 15 })),
    { maxLength: 6 },
  )

  test('never exceeds 16 words, and a full queue holds the flush-all word', () => {
    fc.assert(
      fc.property(requests, (all) => {
        let fifo: KvmFifo = EMPTY_FIFO
        for (const request of all) fifo = fifoEnqueue(fifo, request)
        return (
          fifo.length < KVM_FIFO_SIZE || (fifo.length === KVM_FIFO_SIZE && fifo.includes(KVM_FLUSH_ALL_ENTRY))
        )
      }),
      { numRuns: 100_000 },
    )
  })

  test('draining it flushes at least what every request asked for', () => {
    const lists = fc.array(fc.array(word, { minLength: 1, maxLength: 8 }), { maxLength: 4 })
    fc.assert(
      fc.property(lists, (all) => {
        const fifo = all.reduce<KvmFifo>((queue, list) => fifoEnqueue(queue, list), EMPTY_FIFO)
        const done = fifoDrain(fifo, PARTITION)
        return all.every((list) => {
          const asked = fifoDrain(list, PARTITION)
          return done === 'all' || (asked !== 'all' && coversSpans(done, asked))
        })
      }),
      { numRuns: 100_000 },
    )
  })

  test('15 ranges fit an empty queue, 16 become everything', () => {
    const ranges = (n: number) => Array.from({ length: n }, (_, k) => BigInt(k) << 12n)
    expect(fifoEnqueue(EMPTY_FIFO, ranges(15))).toHaveLength(15)
    expect(fifoEnqueue(EMPTY_FIFO, ranges(16))).toEqual([KVM_FLUSH_ALL_ENTRY])
    const fifteen = fifoEnqueue(EMPTY_FIFO, ranges(15))
    expect(fifoEnqueue(fifteen, ranges(1))).toEqual([...ranges(15), KVM_FLUSH_ALL_ENTRY])
  })
})

describe('spans', () => {
  test('merged runs are the same pages', () => {
    const span = fc.record({ first: fc.integer({ min: 0, max: 40 }), count: fc.integer({ min: 1, max: 8 }) })
    fc.assert(
      fc.property(fc.array(span, { maxLength: 6 }), (spans) => {
        const inside = (all: readonly { first: number; count: number }[], p: number) =>
          all.some((s) => p >= s.first && p < s.first + s.count)
        const merged = mergeSpans(spans)
        for (let p = 0; p < 50; p++) if (inside(spans, p) !== inside(merged, p)) return false
        return true
      }),
      { numRuns: 100_000 },
    )
  })
})
