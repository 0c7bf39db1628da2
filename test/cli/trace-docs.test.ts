import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseSidecar } from '../../src/trace/sidecar.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function blocks(file: string, language: string): readonly string[] {
  const text = readFileSync(join(ROOT, 'docs', file), 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1]!,
  )
}

/** The commands of docs/trace.md with the output printed there; `...` stands for lines left out. */
const SESSIONS = blocks('trace.md', 'console').map((block) => {
  const [command = '', ...lines] = block.trimEnd().split('\n')
  return [command.replace(/^\$ shootdown /, ''), lines.join('\n')] as const
})

describe('docs/trace.md', () => {
  it('has examples', () => {
    expect(SESSIONS.length).toBeGreaterThanOrEqual(4)
  })

  it.each(SESSIONS)('shows what "shootdown %s" prints', (command, shown) => {
    const { stdout } = spawnSync(
      join(ROOT, 'node_modules/.bin/node'),
      [join(ROOT, 'src/cli/main.ts'), ...command.split(' ')],
      { cwd: ROOT, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
    )
    let rest = stdout
    for (const part of shown.split(/^\.\.\.$/m).map((text) => text.trim())) {
      expect(rest).toContain(part)
      rest = rest.slice(rest.indexOf(part) + part.length)
    }
  })
})

describe('docs/recording.md', () => {
  it('shows a sidecar that is one', () => {
    for (const block of blocks('recording.md', 'json')) {
      expect(parseSidecar(block, 'docs/recording.md')).toMatchObject({ vcpus: 4 })
    }
  })
})
