/* EACH(m): m(1) m(2) ... m(CPUS - 1), so that loops over CPUs cost no states. */
#if CPUS == 2
#define EACH(m) m(1)
#elif CPUS == 3
#define EACH(m) m(1) m(2)
#elif CPUS == 4
#define EACH(m) m(1) m(2) m(3)
#elif CPUS == 5
#define EACH(m) m(1) m(2) m(3) m(4)
#elif CPUS == 6
#define EACH(m) m(1) m(2) m(3) m(4) m(5)
#elif CPUS == 7
#define EACH(m) m(1) m(2) m(3) m(4) m(5) m(6)
#elif CPUS == 8
#define EACH(m) m(1) m(2) m(3) m(4) m(5) m(6) m(7)
#endif
