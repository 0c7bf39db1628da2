/** Files that a command writes when its work is done: refused before it begins if they cannot be written. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'

/**
 * Checks that a file can be written, before hours are spent on its content.
 *
 * @throws UsageError that names the option
 */
export function refuseUnwritable(file: string | undefined, flag: string): void {
  if (file === undefined) return
  const path = resolve(file)
  const known = statSync(path, { throwIfNoEntry: false })
  if (known?.isDirectory() === true) throw new UsageError(`${flag} ${file}: is a directory; name a file`)
  try {
    accessSync(known === undefined ? dirname(path) : path, constants.W_OK)
  } catch {
    const why =
      known === undefined ? `there is no directory ${dirname(path)} to write in` : 'may not be written'
    throw new UsageError(`${flag} ${file}: ${why}`)
  }
}

/**
 * Writes it.
 *
 * @throws UsageError when the disk is full, say
 */
export function writeOutput(file: string, flag: string, content: string): void {
  try {
    writeFileSync(file, content)
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${error instanceof Error ? error.message : 'cannot be written'}`)
  }
}
