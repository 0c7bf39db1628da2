import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.ts'
import { TraceDecoder } from '../../src/trace/decoder.ts'
import { readTrace } from '../../src/trace/reader.ts'
import { ftraceLine } from './decode.ts'
import { recording } from './recordings.ts'

const directory = mkdtempSync(join(tmpdir(), 'trace-source-'))
afterAll(() => rmSync(directory, { recursive: true }))

function fileOf(name: string, bytes: string | Uint8Array): string {
  const file = join(directory, name)
  writeFileSync(file, bytes)
  return file
}

async function read(file: string): Promise<TraceDecoder> {
  const decoder = new TraceDecoder()
  for await (const _ of readTrace(file, decoder));
  return decoder
}

const LINE = ftraceLine('tlb_flush: pages:3 reason:remote ipi send (4)')

describe('a recording', () => {
  it('is read plain and as gzip, whatever its name', async () => {
    expect((await read(fileOf('plain', LINE.repeat(10)))).events).toBe(10)
    expect((await read(fileOf('zipped', gzipSync(LINE.repeat(10))))).events).toBe(10)
  })

  it('is read as far as it goes when its gzip is cut off or damaged', async () => {
    const whole = readFileSync(recording('linux-6.1_4vcpu_shfork.trace.txt.gz'))
    const cut = await read(fileOf('cut.gz', whole.subarray(0, whole.length >> 1)))
    expect(cut.events).toBeGreaterThan(1000)
    expect(cut.broken.at(-1)?.why).toContain('damaged')
    const damaged = Buffer.from(whole)
    damaged.fill(0xff, whole.length >> 1, (whole.length >> 1) + 64)
    expect((await read(fileOf('damaged.gz', damaged))).broken.length).toBeGreaterThan(0)
  })

  it('loses little before damage, and nothing before zeros or the end of the file', async () => {
    const whole = gzipSync(
      Buffer.concat(Array.from({ length: 2000 }, (_, i) => Buffer.from(LINE.replace('106.', `${i}.`)))),
    )
    const readAll = async (name: string, ...parts: readonly Uint8Array[]) =>
      await read(fileOf(name, Buffer.concat(parts)))
    expect((await readAll('padded.gz', whole, Buffer.alloc(1000))).events).toBe(2000)
    const cut = await readAll('short.gz', whole.subarray(0, whole.length - 9))
    expect(cut.events).toBe(2000)
    expect(cut.broken.at(-1)?.why).toContain('damaged')
    const followed = await readAll('followed.gz', whole, whole, Buffer.from('no gzip'))
    expect(followed.events).toBeGreaterThan(2000)
    expect(followed.broken.at(-1)?.why).toContain('damaged')
  })

  it('may come through a pipe that has a name', async () => {
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    const decoder = read(fifo)
    writeFileSync(fifo, LINE.repeat(3))
    expect((await decoder).events).toBe(3)
  })

  it('of several gzip members is one', async () => {
    const member = gzipSync(LINE)
    expect((await read(fileOf('members.gz', Buffer.concat([member, member])))).events).toBe(2)
  })
})

describe('what is no recording', () => {
  it.each([
    ['a file that is not there', join(directory, 'none'), 'no such file'],
    ['a directory', directory, 'a directory'],
    ['nothing', fileOf('empty', ''), 'no events'],
    ['other text', fileOf('other', 'hello\nworld\n'), 'not a trace: line 1'],
    ['a trace-cmd file', fileOf('trace.dat', '\x17\x08\x44tracing6\0'), 'trace-cmd report'],
    ['a perf file', fileOf('perf.data', 'PERFILE2________________'), 'perf script'],
    ['a zstd file', fileOf('a.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])), 'zstd'],
    ['UTF-16', fileOf('utf16', Buffer.from(LINE, 'utf16le')), 'not a trace'],
    ['UTF-16 with its mark', fileOf('marked', Buffer.from(`\ufeff${LINE}`, 'utf16le')), 'UTF-16'],
    ['an empty gzip', fileOf('empty.gz', gzipSync('')), 'no events'],
    ['the head of a gzip', fileOf('head.gz', gzipSync(LINE).subarray(0, 12)), 'damaged'],
  ])('(%s) is named with the reason', async (_, file, why) => {
    await expect(read(file)).rejects.toThrow(UsageError)
    await expect(read(file)).rejects.toThrow(why)
  })
})
