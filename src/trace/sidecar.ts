import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { UsageError } from '../core/errors.ts'

/**
 * The JSON file beside a recording says what the text cannot: kernel, machine, workload, clock rate, and for a
 * pair the offset between both clocks. `docs/recording.md` documents it. Further keys are allowed and ignored.
 */
const Common = {
  name: v.string(),
  workload: v.string(),
  workload_text: v.optional(v.string()),
  trace_clock: v.string(),
  tsc_mhz: v.optional(v.pipe(v.number(), v.gtValue(0))),
  tlb_single_page_flush_ceiling: v.optional(v.union([v.string(), v.number()])),
}

const Counts = v.record(v.string(), v.number())

const Single = v.object({
  ...Common,
  file: v.string(),
  kernel: v.string(),
  vcpus: v.pipe(v.number(), v.integer(), v.minValue(1)),
  hypervisor: v.optional(v.string()),
  ftrace_overrun: v.optional(v.number()),
  events: v.optional(Counts),
})

const PairFile = v.object({ file: v.string(), events: v.optional(v.number()) })

const Pair = v.object({
  ...Common,
  guest: PairFile,
  host: PairFile,
  guest_kernel: v.string(),
  host_kernel: v.optional(v.string()),
  guest_vcpus: v.pipe(v.number(), v.integer(), v.minValue(1)),
  hypervisor: v.optional(v.string()),
  tsc_offset: v.pipe(v.number(), v.safeInteger()),
  guest_events: v.optional(Counts),
  host_events: v.optional(Counts),
})

/** The sidecar of one recording. */
export type SingleSidecar = v.InferOutput<typeof Single>
/** The sidecar of a guest's and its host's recordings of one run; `guest_tsc = host_tsc + tsc_offset`. */
export type PairSidecar = v.InferOutput<typeof Pair>
export type Sidecar = SingleSidecar | PairSidecar

/** Whether the sidecar belongs to a pair of recordings. */
export function isPair(sidecar: Sidecar): sidecar is PairSidecar {
  return 'guest' in sidecar
}

/** Version of the recorded kernel, the guest's of a pair; undefined without a sidecar. */
export function kernelOf(sidecar: Sidecar | undefined): string | undefined {
  if (sidecar === undefined) return undefined
  return isPair(sidecar) ? sidecar.guest_kernel : sidecar.kernel
}

/** Reads a sidecar; a UsageError names the key that is wrong and what it should be. */
export function parseSidecar(text: string, file: string): Sidecar {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file}: not JSON: ${(error as Error).message}`)
  }
  const schema = typeof data === 'object' && data !== null && 'guest' in data ? Pair : Single
  const result = v.safeParse(schema, data)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new UsageError(`${file}: "${v.getDotPath(issue) ?? ''}": ${issue.message}`)
}

/** The sidecar's usual path: `NAME.trace.txt.gz`, `NAME.guest.trace.txt` and so on have `NAME.json`. */
export function sidecarPath(recording: string): string {
  return recording.replace(/(\.(guest|host))?(\.(trace|txt|log))*(\.gz)?$/, '.json')
}

/** The sidecar beside a recording, or undefined when there is none. */
export async function findSidecar(recording: string): Promise<Sidecar | undefined> {
  if (recording === '-') return undefined
  const file = sidecarPath(recording)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return undefined
  }
  return parseSidecar(text, file)
}

/** The kernel's ceiling on ranged flushes as the sidecar gives it; 33 is Linux's default. */
export function flushCeiling(sidecar: Sidecar | undefined): number {
  const ceiling = Number(sidecar?.tlb_single_page_flush_ceiling ?? 33)
  return Number.isFinite(ceiling) ? ceiling : 33
}
