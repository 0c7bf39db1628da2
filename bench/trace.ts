/**
 * How fast recordings are read, and in how much memory:
 *
 *     node bench/trace.ts [MILLIONS OF LINES]
 *
 * Writes a long recording made of the repository's own (plain and as gzip, in the temporary directory), then reads
 * it three times: all fields of all events; the figures of `trace summary`; the same from gzip. Reading is one
 * thread; rates are given for the time on the clock and for the CPU time of the process.
 */
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { TraceDecoder } from '../src/trace/decoder.ts'
import { readTrace } from '../src/trace/reader.ts'
import { readBytes } from '../src/trace/source.ts'
import { Summary } from '../src/trace/summary.ts'

const SOURCES = [
  'linux-6.1_4vcpu_rich',
  'linux-6.12_8vcpu_rich',
  'linux-6.1_4vcpu_ccpf',
  'linux-6.12_4vcpu_munmap',
  'linux-6.1_4vcpu_cchalf',
]
const wanted = Number(process.argv[2] ?? 3) * 1e6

async function text(name: string): Promise<Buffer> {
  const file = fileURLToPath(new URL(`../test/trace/recordings/${name}.trace.txt.gz`, import.meta.url))
  const chunks: Buffer[] = []
  for await (const chunk of readBytes(file, {})) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function writeLong(directory: string): Promise<{ plain: string; gzip: string }> {
  const parts = await Promise.all(SOURCES.map(text))
  const linesOf = (part: Buffer) => part.reduce((n, byte) => (byte === 10 ? n + 1 : n), 0)
  const lines = parts.map(linesOf)
  function* repeated(): Generator<Buffer> {
    for (let i = 0, n = 0; n < wanted; n += lines[i++ % parts.length]!) yield parts[i % parts.length]!
  }
  const plain = join(directory, 'long.txt')
  const gzip = join(directory, 'long.txt.gz')
  await pipeline(repeated, createWriteStream(plain))
  await pipeline(repeated, createGzip({ level: 6 }), createWriteStream(gzip))
  return { plain, gzip }
}

async function measure(what: string, file: string, use: 'decode' | 'summarize'): Promise<void> {
  const summary = new Summary(file)
  const decoder = use === 'summarize' ? summary.decoder : new TraceDecoder()
  const cpu = process.cpuUsage()
  const start = performance.now()
  let peak = 0
  let batches = 0
  for await (const events of readTrace(file, decoder)) {
    if (use === 'summarize') for (const event of events) summary.add(event)
    if (batches++ % 64 === 0) peak = Math.max(peak, process.memoryUsage().rss)
  }
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const rate = (time: number) => `${(decoder.lines / time / 1e6).toFixed(2)} million lines/s`
  const size = (statSync(file).size / 2 ** 20).toFixed(0)
  console.log(
    `${what.padEnd(22)} ${decoder.lines} lines, ${size} MiB: ${rate(seconds)} by the clock, ` +
      `${rate((user + system) / 1e6)} of CPU time, ${(peak / 2 ** 20).toFixed(0)} MiB at most`,
  )
}

const directory = mkdtempSync(join(tmpdir(), 'bench-trace-'))
try {
  const { plain, gzip } = await writeLong(directory)
  await measure('decode', plain, 'decode')
  await measure('decode, gzip', gzip, 'decode')
  await measure('summarize', plain, 'summarize')
} finally {
  rmSync(directory, { recursive: true })
}
