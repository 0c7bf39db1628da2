/**
 * Fills in what docs/hypercalls.md shows: the output of every `$ shootdown ...` line in its console blocks, and the
 * conformance tables. Run `node scripts/hypercall-docs.ts` to promote new output; the tests compare.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import {
  type Conformance,
  runFeatureCases,
  runFlushCases,
  runIpiCases,
} from '../src/hypervisor/hyperv/conformance.ts'
import { PROFILE_NAMES, type ProfileName } from '../src/hypervisor/hyperv/partition.ts'

export const HYPERCALL_GUIDE = 'docs/hypercalls.md'

/** The guide with everything that is generated filled in anew. */
export function renderGuide(text: string): string {
  const filled = text.replace(
    /```console\n([\s\S]*?)```/g,
    (_, block: string) => `\`\`\`console\n${runBlock(block)}\`\`\``,
  )
  return filled
    .replace(/(<!-- flush -->\n)[\s\S]*?(<!-- end -->)/, `$1${table(runFlushCases)}$2`)
    .replace(/(<!-- ipi -->\n)[\s\S]*?(<!-- end -->)/, `$1${table(runIpiCases)}$2`)
    .replace(/(<!-- features -->\n)[\s\S]*?(<!-- end -->)/, `$1${table(runFeatureCases)}$2`)
}

/** Every command line of a block with what it prints; the output that stood there goes. */
function runBlock(block: string): string {
  const commands = block.split('\n').filter((line) => line.startsWith('$ '))
  return commands.map((line) => `${line}\n${outputOf(line.slice(2))}`).join('\n')
}

function outputOf(command: string): string {
  const shell = `shootdown() { node_modules/.bin/node src/cli/main.ts "$@"; }; ${command}`
  const run = spawnSync('bash', ['-c', shell], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  return withoutTimes(run.stdout + run.stderr)
}

/** Running times differ from run to run. */
export function withoutTimes(text: string): string {
  return text.replace(/, [0-9.]+ s$/gm, '')
}

function table(run: (profile: ProfileName) => Conformance[]): string {
  const columns = PROFILE_NAMES.map((profile) => run(profile))
  const rows = (columns[0] ?? []).map(({ title }, row) => {
    const cells = columns.map((column) => {
      const cell = column[row]
      return cell?.outcome === 'pass' ? 'pass' : `**${cell?.detail}**`
    })
    return `| ${title} | ${cells.join(' | ')} |\n`
  })
  const head = `| case | ${PROFILE_NAMES.join(' | ')} |\n| --- |${' --- |'.repeat(PROFILE_NAMES.length)}\n`
  return `\n${head}${rows.join('')}\n`
}

if (import.meta.main) {
  const text = readFileSync(HYPERCALL_GUIDE, 'utf8')
  writeFileSync(HYPERCALL_GUIDE, renderGuide(text))
}
