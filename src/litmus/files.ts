/** Which files are meant: tests themselves, folders of tests, and herd's lists (`@all`). */
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '../core/errors.ts'

const MAX_LISTS = 50

/** Expands what the command line names, in order; folders are searched through, by name. */
export function litmusFiles(targets: readonly string[]): string[] {
  return targets.flatMap((target) => expand(target, 0))
}

function expand(target: string, lists: number): string[] {
  const stat = statSync(target, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(`${target}: no such file or folder`)
  if (stat.isDirectory()) {
    const found = [...inFolder(target)]
    if (found.length === 0) throw new UsageError(`${target}: no .litmus file in this folder`)
    return found
  }
  return isList(target) ? listed(target, lists) : [target]
}

function isList(file: string): boolean {
  return basename(file).startsWith('@')
}

/** Tests of a folder and all folders in it. Lists in it name the same files again, and are left out. */
function* inFolder(folder: string): Iterable<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort(byName)
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* inFolder(path)
    else if (entry.name.endsWith('.litmus')) yield path
  }
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1
}

/** A list has one file or list a line, relative to itself; `#` begins a comment. */
function listed(list: string, lists: number): string[] {
  if (lists >= MAX_LISTS) throw new UsageError(`${list}: lists within lists, ${MAX_LISTS} deep`)
  return readText(list)
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .flatMap((line) => expand(join(dirname(list), line), lists + 1))
}

/** The text of a file, or a clear error. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'cannot be read'
    throw new UsageError(
      `${file}: ${code === 'ENOENT' ? 'no such file or folder' : `cannot be read (${code})`}`,
    )
  }
}
