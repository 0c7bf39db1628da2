/** The check itself, for ours.ts: everything is loaded before it is timed. */
import { check } from '../../src/explore/check.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { threadTable } from '../../src/scenarios/thread-table.ts'
import { type RaceOptions, race } from './race.ts'

const [model, flush, free, memoryModel, cpus, ...how] = process.argv.slice(2)
const options = { cpus: Number(cpus), flush: flush!, free: free!, memoryModel: memoryModel as 'sc' | 'tso' }
const program =
  model === 'race'
    ? race({ ...(options as RaceOptions), send: how.includes('broadcast') ? 'broadcast' : 'each' })
    : threadTable.build({ ...DEFAULT_OPTIONS, ...options })
const before = process.cpuUsage()
const result = check(program, {
  timeoutMs: 60_000,
  persistentSets: !how.includes('full'),
  symmetry: !how.includes('full') && !how.includes('no-symmetry'),
})
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    verdict: result.verdict,
    states: result.counts.states,
    transitions: result.counts.transitions,
    bytesPerState: result.counts.bytesPerState,
    seconds: (user + system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1024,
    events: result.verdict === 'unsafe' ? result.trail.steps.length : 0,
  }),
)
