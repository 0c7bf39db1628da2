/**
 * KVM's flush queue: 16 words for each vCPU (one queue for L1, one for L2). Source: Linux `arch/x86/kvm/hyperv.c`,
 * `hv_tlb_flush_enqueue` and `kvm_hv_vcpu_flush_tlb`.
 *
 * A request goes in whole while a slot stays free behind it, so that there is always room for the word that means
 * "everything"; otherwise that word goes in alone. A full queue therefore always holds it.
 *
 * ```
 *  sender                               target
 *  write the PTE                        (runs guest code, or not)
 *  put the request into its queue
 *  raise its request bit, then kick     on entry: see the request bit with interrupts off,
 *  wait for those in guest mode         take everything out of the queue and flush
 * ```
 */
import { decodeGvaRange, gvaRangeSpan, isCanonicalPage, type PageSpan } from '../../abi/gva-range.ts'
import type { PartitionFacts } from './partition.ts'
import { wrappedSpan } from './spans.ts'

export const KVM_FIFO_SIZE = 16
/** The word that means "everything". A guest that sends it as a list element gets exactly that. */
export const KVM_FLUSH_ALL_ENTRY = 0xffff_ffff_ffff_ffffn

/** One queue. */
export type KvmFifo = readonly bigint[]

export const EMPTY_FIFO: KvmFifo = []

/** The queue after a request. */
export function fifoEnqueue(fifo: KvmFifo, entries: readonly bigint[] | 'flush-all'): KvmFifo {
  const available = KVM_FIFO_SIZE - fifo.length
  if (entries !== 'flush-all' && entries.length > 0 && entries.length < available)
    return [...fifo, ...entries]
  return available === 0 ? fifo : [...fifo, KVM_FLUSH_ALL_ENTRY]
}

/** What a vCPU flushes when it empties its queue on entry. Afterwards the queue is {@link EMPTY_FIFO}. */
export function fifoDrain(
  fifo: KvmFifo,
  partition: Pick<PartitionFacts, 'virtualAddressBits'>,
): readonly PageSpan[] | 'all' {
  return spansOfEntries(fifo, partition)
}

/**
 * The pages that queued words name. Always the legacy format, whatever the call's flags said. A run may wrap past the
 * top of the address space; a word whose first page is not canonical is skipped (fa787ac07b3c).
 */
export function spansOfEntries(
  entries: readonly bigint[],
  partition: Pick<PartitionFacts, 'virtualAddressBits'>,
): PageSpan[] | 'all' {
  const spans: PageSpan[] = []
  for (const entry of entries) {
    if (entry === KVM_FLUSH_ALL_ENTRY) return 'all'
    const span = gvaRangeSpan(decodeGvaRange(entry, 'legacy'))
    if (isCanonicalPage(span.first, partition.virtualAddressBits)) spans.push(...wrappedSpan(span))
  }
  return spans
}
