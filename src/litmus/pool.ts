/** Many files over worker threads; their results come in the order of the files. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { InternalError } from '../core/errors.ts'
import { type Form, type Rendered, renderFiles } from './render.ts'
import type { FileError, FileOptions } from './run-files.ts'

/** With fewer files, starting threads costs more than it brings. */
const WORTH_THREADS = 400
const CHUNK = 50
const MAX_THREADS = 8

export interface WorkerJob {
  readonly files: readonly string[]
  readonly options: FileOptions
  readonly form: Form
}

type Part = (Rendered | FileError)[]

/** Runs files and hands on what comes out, part after part. */
export async function runFiles(
  files: readonly string[],
  options: FileOptions,
  form: Form,
  onPart: (part: Part) => Promise<void>,
): Promise<void> {
  const threads = Math.min(availableParallelism(), MAX_THREADS)
  if (files.length < WORTH_THREADS || threads < 2) {
    for (const file of files) await onPart(renderFiles([file], options, form))
    return
  }
  const chunks: WorkerJob[] = []
  for (let i = 0; i < files.length; i += CHUNK)
    chunks.push({ files: files.slice(i, i + CHUNK), options, form })
  const workers = Array.from({ length: threads }, () => new Worker(workerUrl(), { name: 'litmus' }))
  try {
    const parts = dispatch(workers, chunks)
    for (const part of parts) await onPart(await part)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** The source tree runs `.ts`, the package `.js`. */
function workerUrl(): URL {
  return new URL(`./worker-entry${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

/** Every worker takes the next chunk when it is done with one. */
function dispatch(workers: readonly Worker[], chunks: readonly WorkerJob[]): Promise<Part>[] {
  const settle: { resolve: (part: Part) => void; reject: (error: Error) => void }[] = []
  const parts = chunks.map(
    (_, i) => new Promise<Part>((resolve, reject) => (settle[i] = { resolve, reject })),
  )
  // Whoever waits for an earlier part learns of a failure there; this keeps Node from ending the process first.
  for (const part of parts) part.catch(() => {})
  const fail = (error: Error) => {
    for (const { reject } of settle) reject(error)
  }
  let next = 0
  for (const worker of workers) {
    let current = -1
    const more = () => {
      current = next++
      if (current < chunks.length) worker.postMessage(chunks[current])
    }
    worker.on('message', (part: Part) => {
      settle[current]?.resolve(part)
      more()
    })
    worker.on('error', fail)
    worker.on('exit', () => fail(new InternalError('a worker thread ended by itself')))
    more()
  }
  return parts
}
