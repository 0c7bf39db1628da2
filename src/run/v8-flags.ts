/**
 * Most searches are over before an optimising compiler has paid off: TurboFan is kept for functions that run long, and feedback for
 * Maglev is gathered from a function's first run on. Measured (docs/performance.md): 25 to 40 % less CPU time for checks below half
 * a second, no difference for those of seconds. The flags are of the process; threads have them too.
 */
import v8 from 'node:v8'

/** The first Node whose V8 is known to have both. */
const SINCE = 24

if (Number.parseInt(process.versions.node, 10) >= SINCE) {
  v8.setFlagsFromString('--invocation-count-for-turbofan=100000')
  v8.setFlagsFromString('--no-lazy-feedback-allocation')
}
