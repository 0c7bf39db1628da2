/**
 * All known numbers of traces, the slow ones too:
 *
 *     node bench/dpor-golden.ts [PART OF A NAME]
 *
 * Prints the rows that take longer than a second, and those that do not come out. Exit status 1 when there are any of the latter.
 */
import { dpor } from '../src/explore/dpor/dpor.ts'
import { GOLDEN } from '../test/explore/dpor/golden.ts'

const part = process.argv[2] ?? ''
const rows = GOLDEN.filter(({ name }) => name.includes(part))
let exact = 0
let traces = 0
console.log('| program | model | complete | blocked | events | CPU time | |')
console.log('|---|---|---:|---:|---:|---:|---|')
for (const { name, model, program, complete, stuck, slow } of rows) {
  const start = process.cpuUsage()
  const { traces: found, reason } = dpor(program, { goOn: true })
  const { user, system } = process.cpuUsage(start)
  const milliseconds = (user + system) / 1000
  const isExact =
    reason === undefined &&
    found.complete === complete &&
    (stuck === undefined || found.blocked === stuck) &&
    found.sleepBlocked === 0
  if (isExact) exact++
  traces += found.complete + found.blocked
  if (isExact && milliseconds < 1000 && slow !== true) continue
  const numbers = [found.complete, found.blocked, found.events].map((n) => n.toLocaleString('en-US'))
  const verdict = isExact
    ? 'exact'
    : `${complete} expected; sleep-set-blocked: ${found.sleepBlocked} ${reason ?? ''}`
  console.log(
    `| ${name} | ${model} | ${numbers.join(' | ')} | ${(milliseconds / 1000).toFixed(1)} s | ${verdict} |`,
  )
}
console.log(`\n${exact} of ${rows.length} rows exact, ${traces.toLocaleString('en-US')} traces in all`)
process.exitCode = exact === rows.length ? 0 : 1
