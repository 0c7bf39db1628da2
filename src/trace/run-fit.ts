import { writeFile } from 'node:fs/promises'
import { UsageError } from '../core/errors.ts'
import type { WorkloadParameters } from '../simulate/workloads/parameters.ts'
import { Fitter } from './fit/fitter.ts'
import { readTrace } from './reader.ts'
import { findSidecar } from './sidecar.ts'

/** What the command line gives to `trace fit`. */
export interface FitRequest {
  readonly output?: string
  readonly mhz?: number
}

/** Reads a recording and derives the parameters of its workload. */
export async function fit(file: string, mhz?: number): Promise<WorkloadParameters> {
  const fitter = new Fitter(file, await findSidecar(file), mhz)
  for await (const events of readTrace(file, fitter.summary.decoder)) {
    for (const event of events) fitter.add(event)
  }
  if (fitter.summary.seconds === undefined) {
    throw new UsageError(
      `${file}: its clock counts cycles; give their rate with --mhz, or a sidecar with "tsc_mhz"`,
    )
  }
  return fitter.parameters()
}

/** The text of a parameter file. */
export function parameterText(parameters: WorkloadParameters): string {
  return `${JSON.stringify(parameters, undefined, 2)}\n`
}

/** `trace fit`: writes the parameters to the file asked for, or prints them. */
export async function runFit(
  file: string,
  request: FitRequest,
  stream: { write(text: string): unknown },
): Promise<void> {
  const text = parameterText(await fit(file, request.mhz))
  if (request.output === undefined) stream.write(text)
  else {
    try {
      await writeFile(request.output, text)
    } catch (error) {
      throw new UsageError(`${request.output}: cannot be written (${(error as NodeJS.ErrnoException).code})`)
    }
  }
}
