import { UsageError } from '../../core/errors.ts'
import { TraceDecoder } from '../decoder.ts'
import { readPair } from '../pair-clock.ts'
import { readTrace } from '../reader.ts'
import { findSidecar, flushCeiling, isPair, kernelOf, type Sidecar } from '../sidecar.ts'
import { Checker } from './checker.ts'
import type { Findings } from './decisions.ts'
import { targetRuleOf } from './kernel-rules.ts'
import { PairChecker } from './pair-check.ts'

/** A recording that has been checked. */
export interface CheckedRecording {
  readonly name: string
  readonly file: string
  readonly sidecar: Sidecar | undefined
  readonly decoder: TraceDecoder
  readonly findings: Findings
  /** Without probes only sizes can be checked. */
  readonly hasProbes: boolean
  readonly pair?: PairChecker
}

function nameOf(file: string, sidecar: Sidecar | undefined): string {
  return sidecar?.name ?? file.replace(/^.*\//, '').replace(/(\.trace)?(\.txt)?(\.gz)?$/, '')
}

/** Checks one recording against the kernel's rules. */
export async function checkRecording(file: string): Promise<CheckedRecording> {
  const sidecar = await findSidecar(file)
  const decoder = new TraceDecoder()
  const checker = new Checker({
    ceiling: flushCeiling(sidecar),
    targets: targetRuleOf(kernelOf(sidecar)),
  })
  for await (const events of readTrace(file, decoder)) for (const event of events) checker.add(event)
  checker.finish()
  const { findings, hasProbes } = checker
  return { name: nameOf(file, sidecar), file, sidecar, decoder, findings, hasProbes }
}

/** Checks a guest's recording together with its host's; the sidecar gives clocks, vCPUs and kernel. */
export async function checkPair(guestFile: string, hostFile: string): Promise<CheckedRecording> {
  const sidecar = await findSidecar(guestFile)
  if (sidecar === undefined || !isPair(sidecar)) {
    throw new UsageError(
      `${guestFile}: a pair needs its sidecar beside it, with "tsc_offset" and "guest_vcpus"`,
    )
  }
  const decoder = new TraceDecoder()
  const pair = new PairChecker({
    ceiling: flushCeiling(sidecar),
    targets: targetRuleOf(sidecar.guest_kernel),
    vcpus: sidecar.guest_vcpus,
    kernel: sidecar.guest_kernel,
  })
  await readPair(guestFile, hostFile, sidecar.tsc_offset, pair, { guest: decoder })
  pair.finish()
  const { findings, hasProbes } = pair.checker
  return { name: sidecar.name, file: guestFile, sidecar, decoder, findings, hasProbes, pair }
}
