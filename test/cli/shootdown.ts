/** Runs the real command line in a process of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Run {
  readonly status: number | null
  readonly stdout: string
  /** Without lines of progress: how many there are depends on the machine. */
  readonly stderr: string
  readonly progress: readonly string[]
}

const PROGRESS =
  /^(\d+(\/\d+)? (checked|done); )?(loading|recording|searching|shortening|looking for a livelock)\b.*, (\d+ min )?\d+ s(, about \d+ s left)?\n/gm

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Sends SIGINT when this appears on stderr or stdout, or after so many milliseconds. */
  readonly interruptAfter?: number
  /** More arguments, which may have blanks in them. */
  readonly words?: readonly string[]
}

/** Runs a program and waits for its end. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const own = { ...process.env }
    // What the test runner's own npm says about how it was started is not about this process.
    for (const name of Object.keys(own)) if (name.startsWith('npm_')) delete own[name]
    const env = { ...own, ...options.env }
    const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    child.on('error', reject)
    child.on('close', (status) => {
      const progress = stderr.match(PROGRESS) ?? []
      resolve({ status, stdout, stderr: stderr.replace(PROGRESS, ''), progress })
    })
    if (options.interruptAfter !== undefined) setTimeout(() => child.kill('SIGINT'), options.interruptAfter)
  })
}

/** `shootdown ARGS` from the source tree. */
export function shootdown(args: string, options: RunOptions = {}): Promise<Run> {
  const words = args.split(' ').filter((word) => word !== '')
  return runProgram(
    process.execPath,
    [join(ROOT, 'src/cli/main.ts'), ...words, ...(options.words ?? [])],
    options,
  )
}

/** An empty directory that goes away with the test, with these files in it. */
export function directory(files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'shootdown-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

/** What takes another time, or another number of states, on every machine or with every version: for golden files. */
export function withoutNumbers(text: string): string {
  return text
    .replace(/[\d,]+ states/g, 'N states')
    .replace(/[\d,]+ transitions/g, 'N transitions')
    .replace(/[\d.]+ (ms|s)$/gm, 'T')
}
