/**
 * Why a mutant is rightly harmless: the first rule that fits says it. A site that is redundant and that no rule explains fails
 * the test: either the scenario is too small for it, or the model is wrong.
 */
import type { MutantCase } from './mutant-cases.ts'

interface Rule {
  readonly site: RegExp
  readonly when?: (of: MutantCase) => boolean
  readonly because: string
}

const hypercall = ({ flush }: MutantCase) => ['hyperv', 'serialize'].includes(flush)
const named =
  (...names: readonly string[]) =>
  (of: MutantCase) =>
    names.includes(of.scenario)

const RULES: readonly Rule[] = [
  // Barriers.
  {
    site: /inc_mm_tlb_gen$/,
    when: (of) => !named('switch-during-flush')(of),
    because:
      'no CPU enters or leaves the mm here, and INVLPG drains the stores before the mask is read; needed in switch-during-flush',
  },
  {
    site: /smp_store_mb$/,
    because:
      'one flush only: CPU1 leaves guest mode for its kick and finds its request; needed where it enters for a reason of its own (input-page-irqs-off)',
  },
  // Flushes.
  {
    site: /flush_tlb_func: (INVLPG|flush TLB)$/,
    when: named('thp-split'),
    because:
      'huge and small entry map the same frame with the same rights, and no property here forbids two page sizes at once (what the processor makes of that is not modelled)',
  },
  {
    site: /flush_tlb_func: (INVLPG|flush TLB)$/,
    when: named('input-page-irqs-off'),
    because:
      'the hypercall flushes the caller too (ALL_PROCESSORS), and either of INVLPG and CR3 reload will do',
  },
  {
    site: /flush_tlb_func: (INVLPG|flush TLB)$/,
    when: hypercall,
    because: 'the hypercall flushes the caller too (ALL_PROCESSORS); together with flush_vcpus it is needed',
  },
  {
    site: /flush_vcpus: flush guest TLB$/,
    because: 'the caller has flushed itself before the hypercall; together with flush_tlb_func it is needed',
  },
  {
    site: /^(vcpu_enter_guest: flush guest TLB|flush_vcpus: (host IPI|wait for exits))$/,
    when: named('thp-split'),
    because:
      'CPU1 may use the huge entry for longer: same frame, same rights, and no property here forbids two page sizes at once',
  },
  // Interrupts off.
  {
    site: /^flush_tlb_mm_range: local_irq_save$/,
    because:
      'the task stays on its CPU, and a nested flush only sets the generation of the CPU back: a superfluous flush later',
  },
  {
    site: /^hyperv_flush_tlb_others: local_irq_save$/,
    because: 'no interrupt of this CPU uses its input page; needed in input-page-irqs-off',
  },
  {
    site: /^gup_fast: local_irq_save$/,
    when: named('thp-collapse-stale-pin-fixed', 'thp-split'),
    because: 'the table stays the mm’s here: nothing that the walker reads is freed',
  },
  {
    site: /^switch_mm: local_irq_save$/,
    when: hypercall,
    because: 'no flush interrupt comes in the middle of the switch: the hypercall flushes whatever is loaded',
  },
  // Locks.
  {
    site: /^free_pte_range: spin_lock/,
    because: 'nobody else writes this PMD here; needed in pmd-lock',
  },
  {
    site: /^zap_pte_range: spin_lock/,
    because: 'nobody else writes this PTE here, and it is cleared by a locked exchange; needed in pte-lock',
  },
  {
    site: /^(collapse_huge_page|split_huge_pmd): spin_lock/,
    because: 'nobody else writes this PMD here; pmd-lock is the same lock with a second writer',
  },
  // Waits and IPIs.
  {
    site: /^native_flush_tlb_others: csd_lock_wait$/,
    when: ({ free, scenario }) => free === 'ipi-sync' && scenario === 'thread',
    because:
      'the IPI of tlb_remove_table_sync_one waits for the same call data, and comes before anything is freed',
  },
  {
    site: /^native_flush_tlb_others: csd_lock_wait$/,
    when: named('thp-split'),
    because: 'nothing is freed, and huge and small entry map the same frame',
  },
  {
    site: /^tlb_remove_table_(sync_one|one): csd_lock_wait$/,
    because:
      'the acknowledgement of the flush itself has been waited for, with the table unhooked: no walker is left in it',
  },
  {
    site: /^device: send IPI$/,
    because: 'not a part of the protocol: without the device nothing interrupts it',
  },
  {
    site: /^flush_and_serialize: csd_lock_wait$/,
    when: ({ free }) => free === 'rcu',
    because: 'the grace period of call_rcu covers for it; needed with immediate freeing',
  },
  // Grace periods.
  {
    site: /^tlb_table_flush: call_rcu$/,
    when: named('boot-order'),
    because: 'no walker with 2 CPUs',
  },
  {
    site: /^tlb_table_flush: call_rcu$/,
    when: named('input-page-irqs-off'),
    because: 'no software walker in this scenario',
  },
  {
    site: /^tlb_table_flush: call_rcu$/,
    when: ({ walker }) => walker === 'xen-spurious',
    because: "Xen's own walk holds off Xen's own flush, which is waited for before call_rcu",
  },
  {
    site: /^tlb_table_flush: call_rcu$/,
    when: ({ flush }) => flush === 'native',
    because:
      'the flush waits for an IPI that walkers with interrupts off hold off: native needs no grace period for them (it does for walkers that only hold rcu_read_lock)',
  },
  {
    site: /^tlb_table_flush: call_rcu$/,
    when: ({ flush }) => flush === 'serialize',
    because: 'the serialising IPI has been waited for: what the flag was proposed for',
  },
]

/** One line for a harmless mutant, or undefined when nothing is known that excuses it. */
export function reasonFor(of: MutantCase, site: string): string | undefined {
  return RULES.find(({ site: pattern, when }) => pattern.test(site) && (when?.(of) ?? true))?.because
}
