/**
 * What the docs show is what the commands print: `npm run test:promote` puts it there.
 *
 * - A `console` block is run: `$ COMMAND`, and what it prints. A line `...` stands for lines that are left out. Numbers of states
 *   and times may differ.
 * - A block `diff FILE` is applied to that file as it was first.
 * - What stands between `<!-- output of: COMMAND -->` (or `file: PATH`) and `<!-- end of ... -->` is that, all of it.
 */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { ROOT, runProgram, shootdown, withoutNumbers } from './shootdown.ts'

const DOCS = [
  'README.md',
  'docs/guide.md',
  'docs/writing-a-scenario.md',
  'docs/api.md',
  'docs/engines.md',
  'docs/reading-a-counterexample.md',
]

const BLOCKS =
  /```console\n\$ (?<command>.*)\n(?<shown>[\s\S]*?)```|```diff (?<edited>\S+)\n(?<diff>[\s\S]*?)```|(?<head><!-- (?<what>output of|file): (?<of>.*?) -->\n```\w*\n)(?<body>[\s\S]*?)(?=```\n<!-- end of)/g

/** Times and numbers of states are another thing on every machine and with every version. */
const comparable = (text: string) =>
  withoutNumbers(text)
    .split('\n')
    .filter((line) => !/^(complete )?search: /.test(line))
    .map((line) =>
      line
        .replace(/\.ts:\d+/, '.ts:N')
        .replace(/\s+/g, ' ')
        .replace(/[-─]{3,}/g, '---')
        .trim(),
    )
    .join('\n')
    .trim()

/** Whether the parts between the lines `...` follow each other in what was printed. */
function shows(shown: string, printed: string): boolean {
  const parts = comparable(shown).split(/^\.\.\.$/m)
  if (parts.length === 1) return comparable(printed) === parts[0]
  let rest = comparable(printed)
  return parts.every((part) => {
    const at = rest.indexOf(part.trim())
    rest = rest.slice(at + part.trim().length)
    return at >= 0
  })
}

/** An empty project beside the folders of a clone, in which a reader's commands run. */
class Reader {
  private readonly cwd = mkdtempSync(join(tmpdir(), 'shootdown-'))
  private readonly originals = new Map<string, string>()

  constructor() {
    for (const name of ['examples', 'test', 'docs']) symlinkSync(join(ROOT, name), join(this.cwd, name))
  }

  leave(): void {
    rmSync(this.cwd, { recursive: true, force: true })
  }

  async run(command: string): Promise<string | undefined> {
    const [program, ...words] = command.split(' ')
    if (program === 'cp') {
      writeFileSync(join(this.cwd, words[0]!.replace(/.*\//, '')), readFileSync(join(this.cwd, words[0]!)))
      return ''
    }
    if (program === 'shootdown') return (await shootdown(words.join(' '), { cwd: this.cwd })).stdout
    if (program !== 'npm' || words[0] !== 'start') return undefined
    const args = [join(ROOT, 'src/cli/main.ts'), ...words.slice(2)]
    const env = { npm_lifecycle_event: 'start' }
    const { stdout, stderr } = await runProgram(process.execPath, args, { cwd: this.cwd, env })
    return stdout + stderr
  }

  edit(file: string, diff: string): void {
    const path = join(this.cwd, file)
    const original = this.originals.get(file) ?? readFileSync(path, 'utf8')
    this.originals.set(file, original)
    const side = (sign: string) =>
      diff
        .split('\n')
        .filter((line) => line.startsWith(' ') || line.startsWith(sign))
        .map((line) => `${line.slice(1)}\n`)
        .join('')
    if (!original.includes(side('-'))) throw new Error(`${file} does not have\n${side('-')}`)
    writeFileSync(
      path,
      original.replace(side('-'), () => side('+')),
    )
  }
}

test.concurrent.for(DOCS)('%s', async (path, { expect, onTestFinished }) => {
  const reader = new Reader()
  onTestFinished(() => reader.leave())
  let text = readFileSync(join(ROOT, path), 'utf8')
  for (const match of [...text.matchAll(BLOCKS)]) {
    const { command, shown = '', edited, diff = '', head, what, of = '', body = '' } = match.groups!
    if (edited !== undefined) reader.edit(edited, diff)
    if (command !== undefined) {
      const printed = await reader.run(command)
      if (printed === undefined || shows(shown, printed)) continue
      text = text.replace(match[0], () => `\`\`\`console\n$ ${command}\n${printed}\`\`\``)
    }
    if (head !== undefined) {
      const now = what === 'file' ? readFileSync(join(ROOT, of), 'utf8') : (await shootdown(of)).stdout
      const lines = now.split('\n').filter((line) => !line.startsWith('search: '))
      if (what === 'file' ? body !== now : !shows(body, now))
        text = text.replace(head + body, () => head + lines.join('\n'))
    }
  }
  await expect(text).toMatchFileSnapshot(join(ROOT, path))
})
