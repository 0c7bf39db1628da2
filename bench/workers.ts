/**
 * One large search by one thread and by several:
 *
 *     node bench/workers.ts [--flush serialize] [--free rcu] [--cpus 4] [--workers 1,2]
 *
 * Prints wall and CPU time of the whole process for each number of threads, and fails unless all come to the same result.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    flush: { type: 'string', default: 'serialize' },
    free: { type: 'string', default: 'rcu' },
    cpus: { type: 'string', default: '4' },
    workers: { type: 'string', default: '1,2' },
  },
})

const main = new URL('../src/cli/main.ts', import.meta.url).pathname
const cell = ['check', 'thread', '--flush', values.flush, '--free', values.free, '--cpus', values.cpus]

console.log('| threads | verdict | states | transitions | wall | CPU time |')
console.log('|---:|---|---:|---:|---:|---:|')
const results = new Set<string>()
for (const workers of values.workers.split(',')) {
  const words = [process.execPath, main, ...cell, '--json', '--workers', workers]
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const { stdout, stderr } = spawnSync('bash', ['-c', `TIMEFORMAT='TIME %R %U %S'; time ${quoted}`], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const [, wall, user, system] = /TIME ([\d.]+) ([\d.]+) ([\d.]+)/.exec(stderr) ?? []
  const { verdict, counts } = JSON.parse(stdout).results[0]
  results.add(JSON.stringify([verdict, counts.states, counts.transitions]))
  const seconds = (Number(user) + Number(system)).toFixed(1)
  console.log(
    `| ${workers} | ${verdict} | ${counts.states} | ${counts.transitions} | ${wall} s | ${seconds} s |`,
  )
}
if (results.size > 1) {
  console.error('the results differ')
  process.exitCode = 1
}
