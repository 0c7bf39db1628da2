/* The thread's race, step by step as in race.ts: one access a step, no steps for loops or for reading into locals.
 * spin -a -DCPUS=3 [-DIPI] [-DRCU] [-DBROADCAST] race.pml
 */
#include "each.h"

#define IDLE 0
#define IRQS_OFF 1
#define IN_HANDLER 2

bit pgtable = 1;
bit freed;
byte cpu[CPUS];
bit pending[CPUS];
bit ack[CPUS];
bit tlb[CPUS];
#ifdef BROADCAST
bit waits[CPUS];
#endif

#define SEND(t)  pending[t] = 1;
#define AWAIT(t) ack[t] == 1;
#define FLUSH(t) tlb[t] = 0;
#define QUIET(t) cpu[t] != IRQS_OFF;

#define ACKED(t) && ack[t] == 1
#define SNAP(t)  waits[t] = (cpu[t] == IRQS_OFF);
#define OVER(t)  && waits[t] == 0

#ifdef BROADCAST
proctype initiator() {
  pgtable = 0;
#ifdef IPI
  d_step { EACH(SEND) };
  (1 EACH(ACKED));
#else
  d_step { EACH(FLUSH) };
#endif
#ifdef RCU
  d_step { EACH(SNAP) };
  (1 EACH(OVER));
#endif
  freed = 1
}
#else
proctype initiator() {
  pgtable = 0;
#ifdef IPI
  EACH(SEND)
  EACH(AWAIT)
#else
  EACH(FLUSH)
#endif
#ifdef RCU
  EACH(QUIET)
#endif
  freed = 1
}
#endif

#if defined(BROADCAST) && defined(RCU)
#define ENABLE d_step { cpu[c] = IDLE; waits[c] = 0 }
#else
#define ENABLE cpu[c] = IDLE
#endif

#define GUP_FAST \
  atomic { cpu[c] == IDLE -> cpu[c] = IRQS_OFF }; \
  if \
  :: pgtable == 1 -> assert(freed == 0) \
  :: pgtable == 0 \
  fi; \
  ENABLE

proctype walker(byte c) {
  GUP_FAST;
  GUP_FAST
}

proctype handler(byte c) {
  pending[c] == 1;
  atomic { cpu[c] == IDLE -> cpu[c] = IN_HANDLER };
  tlb[c] = 0;
  ack[c] = 1;
  cpu[c] = IDLE
}

#define FILL(t)   tlb[t] = 1;
#define WALKER(t) run walker(t);
#define HANDLER(t) run handler(t);

init {
  atomic {
    EACH(FILL)
    run initiator();
    EACH(WALKER)
#ifdef IPI
    EACH(HANDLER)
#endif
  }
}
