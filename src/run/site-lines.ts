/** Lines of code for readers: short paths, and what stands there. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Site } from '../explore/needs.ts'
import type { SiteInfo } from '../report/needs-report.ts'
import { shownPath } from './blame.ts'

/** The folder that `src/` (or, in the package, `dist/`) is in: our own files are named from there, wherever one stands. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file
}

function shown(path: string): string {
  const own = relative(ROOT, path)
  return own.startsWith('src/') || own.startsWith('dist/') ? own : shownPath(path)
}

/** Longer lines are shown from the operation on. */
const SHORT = 60

function textOf(path: string, line: number, column: number): string | undefined {
  let text: string | undefined
  try {
    text = readFileSync(path, 'utf8').split('\n')[line - 1]
  } catch {
    return undefined
  }
  if (text === undefined || text.trim().length <= SHORT) return text?.trim()
  const at = text.lastIndexOf('yield*', column)
  return text.slice(Math.max(0, at)).trim()
}

/** A site with its line as it is printed. */
export function siteInfo({ line, ...site }: Site): SiteInfo {
  if (line === undefined) return site
  const path = pathOf(line.file)
  const code = textOf(path, line.line, line.column)
  return { ...site, where: `${shown(path)}:${line.line}`, ...(code === undefined ? {} : { code }) }
}
