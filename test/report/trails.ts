/** A mini-language for trails by hand: `'CPU0 flushTlb invlpg: INVLPG v'` is process, function, kind, label. */
import type { OperationKind } from '../../src/core/operation.ts'
import type { Property } from '../../src/core/violation.ts'
import type { Trail, TrailStep } from '../../src/explore/verdict.ts'

/** What a step touches, from its label: `p = PMD[v]` reads `PMD[v]`, `PMD[v] = 0` writes it. */
function touched(kind: string, label: string): Pick<TrailStep, 'reads' | 'writes'> {
  const [left = '', right = ''] = label.split(' = ')
  if (kind === 'load') return { reads: [right], writes: [] }
  if (kind === 'store' || kind === 'drain') return { reads: [], writes: [left] }
  return kind === 'rmw' ? { reads: [left], writes: [left] } : { reads: [], writes: [] }
}

/**
 * One step: `CPU1 gupFast load: p = PMD[v] -> T  # fact; fact`. After `#` stand all the facts that hold from then on;
 * without it they stay as they were. A `*` after the process makes the step the hypervisor's.
 */
export function trail(property: Property, message: string, lines: readonly string[]): Trail {
  let facts: readonly string[] = []
  const steps = lines.map((line): TrailStep => {
    const match = /^\s*(\w+?)(\d*)(\*?) (\w+) (\w+): (.*?)(?:\s+->\s(.*?))?(?:\s+#\s*(.*))?$/.exec(line)
    if (match === null) throw new Error(`not a step: ${line}`)
    const [, name, number, host, fn, kind, label, observed, said] = match
    if (said !== undefined)
      facts = said
        .split(';')
        .map((fact) => fact.trim())
        .filter((fact) => fact !== '')
    return {
      process: number === '' ? 99 : Number(number),
      processName: `${name}${number}`,
      alternative: kind === 'drain' ? -2 : kind === 'deliver' ? 0 : -1,
      choice: 0,
      kind: kind as OperationKind | 'drain' | 'deliver',
      label: label ?? '',
      observed,
      stack: [fn ?? ''],
      ...touched(kind ?? '', label ?? ''),
      host: host === '*',
      facts,
      changes: [],
    }
  })
  const switches = steps.filter((step, i) => i > 0 && steps[i - 1]?.process !== step.process).length
  return { steps, violation: { property, message, cells: [] }, length: 'proved-shortest', switches }
}

/** The thread's own counterexample, by hand: a hypercall instead of the IPI, the table freed at once. */
export const HYPERCALL_TRAIL = trail(
  'page-table lifetime',
  'CPU1 reads PTE page T (frame 5) of mm, which has been freed',
  [
    'CPU1 gupFast cli: local_irq_save  # frame 5: page table of mm',
    'CPU1 gupFast load: pgd = PGD[v] -> P4D',
    'CPU1 gupFast load: p4d = P4D[v] -> PUD',
    'CPU1 gupFast load: pud = PUD[v] -> PMD',
    'CPU1 gupFast load: pmd = PMD[v] -> T',
    'CPU0 freePgtables store: PMD[v] = 0',
    'CPU0 freePgtables drain: PMD[v] = 0  # frame 5: page table of mm; CPU1 can use stale PMD[v] -> T',
    'CPU0 hypervFlushTlbOthers cli: local_irq_save',
    'CPU0 hypervFlushTlbOthers hypercall: HvFlushVirtualAddressList(mask 0x2, 1 range)',
    'CPU0* HvFlushVirtualAddressList local: decode the input',
    'CPU0* HvFlushVirtualAddressList invlpg: invalidate VP 1, v  # frame 5: page table of mm',
    'CPU0* HvFlushVirtualAddressList vmentry: return HV_STATUS_SUCCESS',
    'CPU0 hypervFlushTlbOthers sti: local_irq_restore',
    'CPU0 tlbRemoveTable free: free T  # frame 5: free',
    'CPU1 gupPteRange load: pte = T[v]',
  ],
)

/** Store buffers and an interrupt. */
export const BUFFER_TRAIL = trail(
  'permission coherence',
  'mprotect returns while CPU1 can still write to X through PTE[v]',
  [
    'CPU0 changeProtection store: PTE[v] = X ro  # PTE[v]: X rw',
    'CPU1 userCode load: r = flag -> 0',
    'CPU0 smpCallFunctionMany store: cfd[1] = 1',
    'CPU0 smpCallFunctionMany ipi: ICR <- CPU1',
    'CPU0 smpCallFunctionMany drain: PTE[v] = X ro  # PTE[v]: X ro; CPU1 can use stale PTE[v] -> X rw',
    'CPU1 userCode deliver: <IPI: call function>',
    'CPU1 flushTlbFunc load: gen = mm.tlb_gen -> 1',
    'CPU1 flushTlbFunc iret: iret',
    'CPU0 changeProtection promise: promise v: X ro',
  ],
)

/** Everybody does something: as wide as it gets. */
export const EIGHT_TRAIL = trail('assertion', 'all eight have passed the barrier', [
  ...Array.from(
    { length: 8 },
    (_, i) => `CPU${i} arriveAtBarrier rmw: barrier = barrier + 1 (was ${i})  # barrier: ${i + 1}`,
  ),
  'CPU0* HvRendezvous vmexit: all virtual processors of the partition have been stopped',
])
