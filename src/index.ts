/**
 * Shootdown as a library: what a scenario is written with, what checks it, and what prints the answer.
 *
 * ```ts
 * import { check, DEFAULT_OPTIONS, formatVerdict } from 'shootdown'
 * import myRace from './my-race.ts'
 *
 * const verdict = check(myRace.build({ ...DEFAULT_OPTIONS, cpus: 3 }))
 * assert.equal(verdict.verdict, 'safe', formatVerdict(verdict))
 * ```
 *
 * @packageDocumentation
 */

// The vocabulary: operations, tasks, programs, properties.
export * from './core/cells.ts'
export * from './core/errors.ts'
export * from './core/operation.ts'
export * from './core/plain.ts'
export * from './core/program.ts'
export * from './core/task.ts'
export * from './core/violation.ts'
// The search.
export { check } from './explore/check.ts'
export { countTraces, type TraceCount } from './explore/dpor/count-traces.ts'
export { minimalSufficientSet, type Site, type Sites, sitesOf } from './explore/needs.ts'
export { type Cover, coverGoals } from './explore/vacuity.ts'
export type * from './explore/verdict.ts'
export type { SourceLine } from './explore/where.ts'
// The hypervisors.
export * from './hypervisor/hyperv-host.ts'
export * from './hypervisor/kvm-host.ts'
export * from './hypervisor/vcpu.ts'
export * from './hypervisor/xen-host.ts'
// The guest kernel.
export * from './kernel/flush/gva-loops.ts'
export { type HypervNowSetup, hypervBackend } from './kernel/flush/hyperv.ts'
export * from './kernel/flush/hyperv-2017.ts'
export {
  HYPERV_KERNELS,
  type HypervFlushInputs,
  type HypervKernel,
  type HypervPlan,
  type HypervRules,
  planHypervFlush,
} from './kernel/flush/hyperv-rules.ts'
export * from './kernel/flush/interface-check.ts'
export { invlpgbBackend } from './kernel/flush/invlpgb.ts'
export * from './kernel/flush/kvm.ts'
export * from './kernel/flush/native.ts'
export * from './kernel/flush/serialize.ts'
export * from './kernel/flush/xen.ts'
export * from './kernel/free/immediate.ts'
export * from './kernel/free/ipi-sync.ts'
export * from './kernel/free/rcu.ts'
export * from './kernel/gup.ts'
export * from './kernel/kernel.ts'
export * from './kernel/mm.ts'
export * from './kernel/mmu-gather.ts'
export * from './kernel/munmap.ts'
export * from './kernel/smp.ts'
export * from './kernel/smp-function.ts'
export * from './kernel/switch-mm.ts'
export * from './kernel/thp.ts'
export * from './kernel/tlb.ts'
export {
  declareFlushTlbFuncMulti,
  flushTlbMmRange as flushTlbMmRangeMulti,
  nativeMultiBackend,
  type TlbMulti,
  tlbMulti,
} from './kernel/tlb-multi.ts'
export * from './kernel/walk.ts'
export * from './kernel/walkers.ts'
// The machine.
export * from './machine/entries.ts'
export * from './machine/frame-specs.ts'
export * from './machine/frames.ts'
export * from './machine/host.ts'
export * from './machine/hypercall.ts'
export * from './machine/interrupts.ts'
export * from './machine/machine.ts'
export * from './machine/machine-options.ts'
export * from './machine/masks.ts'
export * from './machine/modes.ts'
export * from './machine/paging.ts'
export * from './machine/promises.ts'
export * from './machine/rcu.ts'
export * from './machine/shared-memory.ts'
export * from './machine/spaces.ts'
export * from './machine/spin.ts'
export * from './machine/tlb.ts'
export * from './machine/variables.ts'
// What is printed.
export { type CounterexampleText, formatCounterexample } from './report/columns.ts'
export { type CheckDocument, checkDocument, type ResultDocument } from './report/json.ts'
export { type NeedsDocument, needsDocument } from './report/needs-json.ts'
export { type NeedsReport, needsStatus, type SiteReport } from './report/needs-report.ts'
export { formatNeeds } from './report/needs-text.ts'
export { agreement, type CheckResult, exitStatus } from './report/result.ts'
export { makeStyle, PLAIN, type Style, type StyleOptions } from './report/style.ts'
export { formatTables } from './report/table.ts'
export { formatResult, formatVerdict } from './report/verdict-text.ts'
// Certificates of safe verdicts.
export { type Confirmation, verifyFile } from './run/certificates.ts'
// Many checks at once, on worker threads.
export { type NeedsOptions, runNeeds } from './run/needs.ts'
export type { ScenarioInfo, ScenarioRef } from './run/protocol.ts'
export { type Job, Runner, type RunOptions } from './run/run.ts'
export { loadScenarioFile } from './run/scenario-file.ts'
// Scenarios.
export { buildAnyGuest } from './scenarios/any-guest.ts'
export { buildGuest, type Guest, type GuestOptions, V } from './scenarios/guest.ts'
export {
  buildModernGuest,
  MODERN_BACKENDS,
  type ModernGuest,
  type ModernOptions,
} from './scenarios/modern-guest.ts'
export * from './scenarios/registry.ts'
export * from './scenarios/scenario.ts'
// The simulator.
export type { CostModel } from './simulate/cost-model.ts'
export { COST_MODELS, costModel } from './simulate/costs/registry.ts'
export type { LatencySummary } from './simulate/histogram.ts'
export { checkHost, type HostDescription, type HostInput } from './simulate/host.ts'
export { type PoolOptions, runAll } from './simulate/pool.ts'
export { type RunCounts, type RunResult, type RunSpec, simulate } from './simulate/run.ts'
export { type ScenarioTiming, timeProgram } from './simulate/run-scenario.ts'
export { type Interval, meanOf, ratioOf } from './simulate/statistics.ts'
export { WORKLOADS, workload } from './simulate/workloads/registry.ts'
export { DEFAULT_KNOBS, type Knobs, type Workload } from './simulate/workloads/workload.ts'
// The independent checker of certificates.
export { type Certificate, decodeCertificate } from './verify/certificate.ts'
export { Refused } from './verify/refused.ts'
export { type Verified, verify } from './verify/verify.ts'
export { writeCertificate } from './verify/write.ts'
