/** The command that shows a result again, in the form in which Shootdown was started. */
import { optionFlags } from '../report/options-text.ts'
import type { CheckResult } from '../report/result.ts'
import type { ScenarioInfo } from '../run/protocol.ts'

/** How this process was started: `npm start --` in a clone, `npx shootdown` in a project, `shootdown` when installed. */
export function starter(env: NodeJS.ProcessEnv): string {
  if (env.npm_lifecycle_event === 'start') return 'npm start -- check'
  if (env.npm_command === 'exec') return 'npx shootdown check'
  return 'shootdown check'
}

function quoted(word: string): string {
  return /^[\w./:@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

export function replayCommand(
  result: CheckResult,
  info: ScenarioInfo,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const target = result.file ?? result.scenario
  return [starter(env), ...[target, ...optionFlags(result.options, info)].map(quoted)].join(' ')
}
