/** The command that shows a result again, in the form in which Shootdown was started. */
import { DEFAULT_DEPTH, DEFAULT_SEED } from '../explore/limits.ts'
import { optionFlags } from '../report/options-text.ts'
import type { CheckResult } from '../report/result.ts'
import type { JobLimits } from '../run/protocol.ts'
import type { Job } from '../run/run.ts'

/** How this process was started: `npm start --` in a clone, `npx shootdown` in a project, `shootdown` when installed. */
export function starter(env: NodeJS.ProcessEnv): string {
  if (env.npm_lifecycle_event === 'start') return 'npm start -- check'
  if (env.npm_command === 'exec') return 'npx shootdown check'
  return 'shootdown check'
}

function quoted(word: string): string {
  return /^[\w./:@=+#-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** What decides which counterexample is found and how far it is made shorter, as flags: with these it comes out again as it is. */
function searchFlags({ engine, preemptions, seed, executions, depth, ...limits }: JobLimits): string[] {
  const flag = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [name, String(value)]
  const drawn = preemptions === undefined && (engine === 'random' || engine === 'pct')
  return [
    ...(preemptions === undefined && engine !== 'states' ? flag('--engine', engine) : []),
    ...flag('--preemptions', preemptions),
    ...(drawn ? flag('--seed', seed ?? DEFAULT_SEED) : []),
    ...(drawn && engine === 'pct' ? flag('--depth', depth ?? DEFAULT_DEPTH) : []),
    ...(drawn ? flag('--executions', executions) : []),
    ...flag('--max-states', limits.maxStates),
    ...(limits.liveness === true ? ['--liveness'] : []),
    ...(limits.shortest === false ? ['--no-shortest'] : []),
  ]
}

export function replayCommand(
  result: CheckResult,
  { info, limits }: Pick<Job, 'info' | 'limits'>,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const target = info.target ?? result.file ?? result.scenario
  const flags = [...optionFlags(result.options, info), ...searchFlags(limits)]
  return [starter(env), ...[target, ...flags].map(quoted)].join(' ')
}
