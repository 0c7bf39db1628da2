/* The cells native + immediate (-DIPI) and hyperv + rcu of `shootdown check thread --memory-model sc`, step by step.
 *
 * As in our kernel: one access a step, every load of a table word, every lock, the csd queue, the hypercall with vCPU modes,
 * requests and kicks, RCU's snapshot and section ends. What differs:
 * - sequential consistency only: Promela has no store buffers;
 * - a TLB is one bit (may hold what it held at first), not a set of translations that is derived from the tables, and of the
 *   properties only lifetime of table and page, and stale entries at a free, are checked;
 * - values are small constants where our kernel passes masks, ranges and frames, so nothing is ever decoded;
 * - handlers are processes that take the CPU's word, which is exact here: a walker does nothing with interrupts on.
 */
#include "each.h"

#define IDLE 0
#define IRQS_OFF 1
#define IN_HANDLER 2

bit pgd = 1, pud = 1, pmd = 1, pte = 1;
bit ptl, pmd_lock;
bit constant = 1;              /* words that nobody writes: pv_ops, loaded_mm, mm_cpumask */
byte tlb_gen = 1;
byte ctx_gen[CPUS];
bit stale[CPUS];
byte cpu[CPUS];
byte count = 1;                /* references to page X */
bit table_freed, page_freed;

#ifdef IPI
bit csd[CPUS], queued[CPUS], irq[CPUS];
#define G(step) step
#define WHEN(condition) condition
#define NOT_STALE(t) assert(!stale[t]);
#else
byte input[4];
bit request[CPUS], in_guest[CPUS], kick[CPUS], host[CPUS];
bit open[CPUS], waits[CPUS], callback;
#define G(step) atomic { !host[c] -> step }
#define WHEN(condition) (!host[c] && (condition))
#define NOT_STALE(t) assert(host[t] || !stale[t]);   /* nothing is usable in host mode */
#endif

#define LOAD(word) word == 1

inline put_page() {
  d_step {
    count--;
    if
    :: count == 0 -> last = 1
    :: else
    fi
  };
  if
  :: last -> d_step { last = 0; NOT_STALE(0) EACH(NOT_STALE) page_freed = 1 }
  :: !last
  fi
}

#define SNAPSHOT(t)  waits[t] = open[t];
#define LOCK_CSD(t)  csd[t] == 0; csd[t] = 1; queued[t] = 1;
#define QUEUE(t)     csd[t] = 1; queued[t] = 1;
#define RAISE(t)     irq[t] = 1;
#define NO_CSD(t)    && csd[t] == 0
#define REQUEST(t)   request[t] = 1; if :: in_guest[t] -> kick[t] = 1 :: !in_guest[t] fi;
#define ASK(t)       request[t] = 1;
#define IN_GUEST(t)  && in_guest[t]
#define KICK(t)      kick[t] = 1;
#define NO_KICK(t)   && kick[t] == 0

proctype unmapper() {
  bit last;
  LOAD(pgd); LOAD(pud); LOAD(pmd);
  atomic { ptl == 0 -> ptl = 1 };
  pte = 0;
  ptl = 0;
  LOAD(pgd); LOAD(pud); LOAD(pmd);
  atomic { pmd_lock == 0 -> pmd_lock = 1 };
  pmd = 0;
  pmd_lock = 0;
  LOAD(constant);                              /* pv_ops.tlb_remove_table */
  skip;
  tlb_gen = 2;
  LOAD(constant);                              /* loaded_mm */
#ifdef IPI
  cpu[0] = IRQS_OFF;
#else
  d_step { cpu[0] = IRQS_OFF; open[0] = 1 };
#endif
  LOAD(constant); tlb_gen == 2; ctx_gen[0] < 2;
  stale[0] = 0;
  ctx_gen[0] = 2;
#ifndef IPI
  d_step { open[0] = 0; waits[0] = 0 };
#endif
  cpu[0] = IDLE;
  LOAD(constant); LOAD(constant);              /* mm_cpumask, pv_ops.flush_tlb_others */
  skip;
#ifdef IPI
  LOAD(constant);
#if CPUS == 2
  EACH(LOCK_CSD)
#else
  (1 EACH(NO_CSD));           /* one caller: several targets are queued in one step */
  d_step { EACH(QUEUE) };
#endif
  d_step { EACH(RAISE) };
  (1 EACH(NO_CSD));
#else
  LOAD(constant); LOAD(constant); LOAD(constant);
  d_step { cpu[0] = IRQS_OFF; open[0] = 1 };
  input[0] = 1; LOAD(constant); input[1] = 1; input[2] = 1; input[3] = 1;
  host[0] = 1;
  in_guest[0] = 0;
  input[3] == 1;
  stale[0] = 0;
#if CPUS == 2
  EACH(REQUEST)
#else
  d_step { EACH(ASK) };       /* nobody leaves guest mode without being kicked */
  (1 EACH(IN_GUEST));
  d_step { EACH(KICK) };
#endif
  (1 EACH(NO_KICK));
  request[0] = 0;
  skip;
  in_guest[0] = 1;
  request[0] == 0;
  host[0] = 0;
  skip;
  d_step { open[0] = 0; waits[0] = 0 };
  cpu[0] = IDLE;
#endif
  skip; skip;
  LOAD(constant);                              /* pv_ops.tlb_remove_table */
#ifdef IPI
  d_step { NOT_STALE(0) EACH(NOT_STALE) table_freed = 1 };
#else
  skip;
  d_step { SNAPSHOT(0) EACH(SNAPSHOT) callback = 1 };
#endif
  put_page();
  d_step { NOT_STALE(0) EACH(NOT_STALE) }      /* the promise: v is unmapped */
}

proctype walker(byte c) {
  bit last;
#ifdef IPI
  atomic { cpu[c] == IDLE -> cpu[c] = IRQS_OFF };
#else
  atomic { !host[c] && cpu[c] == IDLE -> cpu[c] = IRQS_OFF; open[c] = 1 };
#endif
  G(skip);
  G(LOAD(pgd)); G(LOAD(pud));
  if
  :: WHEN(pmd == 0) -> goto nothing
  :: WHEN(pmd == 1)
  fi;
  if
  :: WHEN(pte == 0) -> assert(!table_freed); goto nothing
  :: WHEN(pte == 1) -> assert(!table_freed)
  fi;
  if
  :: atomic { WHEN(count == 0) -> goto nothing }
  :: atomic { WHEN(count > 0) -> count++ }
  fi;
  if
  :: WHEN(pte == 1) -> goto pinned
  :: WHEN(pte == 0)
  fi;
#ifdef IPI
  put_page();
#else
  atomic { !host[c] -> count--; last = (count == 0) };
  if
  :: atomic { !host[c] && last -> last = 0; NOT_STALE(0) EACH(NOT_STALE) page_freed = 1 }
  :: !last
  fi;
#endif
  goto nothing;
pinned:
  G(assert(!page_freed));
  goto out;
nothing:
  G(skip);
out:
#ifndef IPI
  atomic { !host[c] -> open[c] = 0; waits[c] = 0 };
#endif
  G(cpu[c] = IDLE)
}

#ifdef IPI
proctype handler(byte c) {
  atomic { irq[c] && cpu[c] == IDLE -> irq[c] = 0; cpu[c] = IN_HANDLER };
  queued[c] = 0;
  csd[c] == 1;
  LOAD(constant); tlb_gen == 2; ctx_gen[c] < 2;
  stale[c] = 0;
  ctx_gen[c] = 2;
  csd[c] = 0;
  cpu[c] = IDLE
}
#else
proctype kicked(byte c) {
end:
  atomic { kick[c] && !host[c] -> kick[c] = 0; host[c] = 1 };
again:
  in_guest[c] = 0;
serve:
  if
  :: atomic { request[c] == 1 -> request[c] = 0 }; stale[c] = 0
  :: request[c] == 0
  fi;
  skip;
  in_guest[c] = 1;
  if
  :: request[c] -> goto again
  :: !request[c]
  fi;
  if
  :: atomic { kick[c] -> kick[c] = 0; goto again }
  :: atomic { !kick[c] -> assert(!(stale[c] && table_freed)); host[c] = 0; goto end }
  fi
}

#define NO_WAIT(t) && waits[t] == 0
proctype rcu() {
end:
  atomic { callback && waits[0] == 0 EACH(NO_WAIT) -> callback = 0 };
  d_step { NOT_STALE(0) EACH(NOT_STALE) table_freed = 1 }
}
#endif

#ifdef IPI
#define START(t) stale[t] = 1; ctx_gen[t] = 1; run walker(t); run handler(t);
#else
#define START(t) stale[t] = 1; ctx_gen[t] = 1; in_guest[t] = 1; run walker(t); run kicked(t);
#endif

init {
  atomic {
    stale[0] = 1; ctx_gen[0] = 1;
#ifndef IPI
    in_guest[0] = 1;
    run rcu();
#endif
    run unmapper();
    EACH(START)
  }
}
