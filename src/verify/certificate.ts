/** The format of certificates: `docs/certificate.md`. A gzipped JSON document; arrays of numbers in base64. */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Program } from '../core/program.ts'
import type { ScenarioOptions } from '../scenarios/scenario.ts'
import { Refused } from './refused.ts'

export const FORMAT = 'shootdown certificate 1'

/** A search as data: states in the order in which they were expanded. State 0 is the initial one. */
export interface SearchRecord {
  /** From which earlier state each state was first reached, and by which transition (three numbers a state). */
  readonly parents: readonly number[]
  /** Process, alternative, choice. */
  readonly actions: readonly number[]
  /** Movers explored in each state, and the process whose next operation was explored alone (-1: none). */
  readonly movers: readonly number[]
  readonly alone: readonly number[]
}

export interface Certificate extends SearchRecord {
  readonly scenario: string
  /** A user's file. */
  readonly file?: string
  readonly options: ScenarioOptions
  /** {@link hashOfProgram} of what was searched. */
  readonly program: string
  /** One line a node, with its mask. */
  readonly automata: readonly string[]
}

/** A hash of everything about a program that can be seen without running it. */
export function hashOfProgram({ cells, processes, bounds }: Program): string {
  const text = JSON.stringify({
    cells: cells.cells.map(({ name, initial }) => [name, initial]),
    processes: processes.map(({ name, main, sources, buffered, daemon }) => [
      name,
      main?.fn.name ?? '',
      sources.map((source) => [source.name, source.drains, source.footprint]),
      buffered,
      daemon,
    ]),
    bounds,
  })
  return createHash('sha256').update(text).digest('hex')
}

const ARRAYS = ['parents', 'actions', 'movers', 'alone'] as const

export function encodeCertificate(certificate: Certificate): Buffer {
  const packed = Object.fromEntries(
    ARRAYS.map((key) => [key, Buffer.from(Int32Array.from(certificate[key]).buffer).toString('base64')]),
  )
  return gzipSync(JSON.stringify({ format: FORMAT, ...certificate, ...packed }))
}

/** @throws Refused for what is no certificate */
export function decodeCertificate(data: Uint8Array): Certificate {
  let document: Record<string, unknown>
  try {
    document = JSON.parse(gunzipSync(data).toString()) as Record<string, unknown>
  } catch {
    throw new Refused('this is no certificate, or it is damaged')
  }
  const { format, scenario, file, options, program, automata } = document
  if (format !== FORMAT) throw new Refused(`this is no certificate that this version knows (${FORMAT})`)
  if (typeof scenario !== 'string' || typeof program !== 'string' || typeof options !== 'object')
    throw new Refused('the head of the certificate is incomplete')
  if (!Array.isArray(automata)) throw new Refused('the automata are missing')
  const [parents, actions, movers, alone] = ARRAYS.map((key) => numbers(document[key], key))
  return {
    scenario,
    ...(typeof file === 'string' && { file }),
    options: options as ScenarioOptions,
    program,
    automata: automata.map(String),
    parents: parents!,
    actions: actions!,
    movers: movers!,
    alone: alone!,
  }
}

function numbers(value: unknown, key: string): number[] {
  if (typeof value !== 'string') throw new Refused(`${key} are missing`)
  const bytes = Buffer.from(value, 'base64')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length >>> 2 }, (_, i) => view.getInt32(4 * i, true))
}
