import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OWN = fileURLToPath(new URL('./recordings/', import.meta.url))

/** Path of a recording of the repository. */
export function recording(file: string): string {
  return OWN + file
}

/** The recordings of the repository, and of the directory that SHOOTDOWN_TRACES names, if it does. */
export function allRecordings(): readonly string[] {
  const further = process.env.SHOOTDOWN_TRACES
  const directories =
    further !== undefined && existsSync(further) ? [OWN, further.replace(/\/*$/, '/')] : [OWN]
  return directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => /\.txt(\.gz)?$/.test(name))
      .map((name) => directory + name),
  )
}
