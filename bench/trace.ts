/**
 * How fast recordings are read, and in how much memory:
 *
 *     node bench/trace.ts [MILLIONS OF LINES] [ROUNDS]
 *
 * Writes a long recording made of the repository's own (plain and as gzip, in the temporary directory), then reads
 * it: all fields of all events; the same from gzip; the figures of `trace summary`; each ROUNDS times, of which the
 * median is printed. At last 1.2 GB of text go through a pipe. Parsing is one thread; rates are given for the time on
 * the clock and for the CPU time of the whole process, which counts the threads that read and unpack too.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
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
const PIPED_BYTES = 1.2e9

async function text(name: string): Promise<Buffer> {
  const file = fileURLToPath(new URL(`../test/trace/recordings/${name}.trace.txt.gz`, import.meta.url))
  const chunks: Buffer[] = []
  for await (const chunk of readBytes(file, {})) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const linesOf = (part: Buffer) => part.reduce((n, byte) => (byte === 10 ? n + 1 : n), 0)

/** The recordings one after the other, again and again, until `enough` of what `size` measures. */
function* repeated(
  parts: readonly Buffer[],
  enough: number,
  size: (part: Buffer) => number,
): Generator<Buffer> {
  const sizes = parts.map(size)
  for (let i = 0, n = 0; n < enough; n += sizes[i++ % parts.length]!) yield parts[i % parts.length]!
}

interface Measured {
  readonly lines: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peak: number
}

async function measure(file: string, use: 'decode' | 'summarize'): Promise<Measured> {
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
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - start) / 1000
  return { lines: decoder.lines, seconds, cpuSeconds: (user + system) / 1e6, peak }
}

function print(what: string, rounds: readonly Measured[]): void {
  const median = (value: (round: Measured) => number) => {
    const sorted = rounds.map(value).sort((a, b) => a - b)
    return sorted[sorted.length >> 1]!.toFixed(2)
  }
  const peak = Math.max(...rounds.map((round) => round.peak))
  console.log(
    `${what.padEnd(22)} ${rounds[0]!.lines} lines: ${median(({ lines, seconds }) => lines / seconds / 1e6)} ` +
      `million lines/s by the clock, ${median(({ lines, cpuSeconds }) => lines / cpuSeconds / 1e6)} of CPU time, ` +
      `${(peak / 2 ** 20).toFixed(0)} MiB at most`,
  )
}

async function main(millions: number, rounds: number): Promise<void> {
  const parts = await Promise.all(SOURCES.map(text))
  const directory = mkdtempSync(join(tmpdir(), 'bench-trace-'))
  try {
    const plain = join(directory, 'long.txt')
    const gzip = join(directory, 'long.txt.gz')
    const long = () => repeated(parts, millions * 1e6, linesOf)
    await pipeline(long, createWriteStream(plain))
    await pipeline(long, createGzip({ level: 6 }), createWriteStream(gzip))
    const all = [
      ['decode', plain, 'decode'],
      ['decode, gzip', gzip, 'decode'],
      ['summarize', plain, 'summarize'],
    ] as const
    for (const [what, file, use] of all) {
      const measured: Measured[] = []
      for (let i = 0; i < rounds; i++) measured.push(await measure(file, use))
      print(what, measured)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  const self = fileURLToPath(import.meta.url)
  const child = spawn(process.execPath, [self, '--stdin'], { stdio: ['pipe', 'inherit', 'inherit'] })
  await pipeline(
    Readable.from(
      repeated(parts, PIPED_BYTES, (part) => part.length),
      { highWaterMark: 1 },
    ),
    child.stdin,
  )
  await new Promise((resolve) => child.on('close', resolve))
}

const [first = '3', second = '3'] = process.argv.slice(2)
if (first === '--stdin') print('summarize, 1.2 GB pipe', [await measure('-', 'summarize')])
else await main(Number(first), Number(second))
