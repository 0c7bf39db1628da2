import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { UsageError } from '../core/errors.ts'

const CHUNK = 256 * 1024
const LONGEST_MAGIC = 16

const UTF_16 = 'UTF-16 text: convert it to UTF-8 (iconv -f utf-16 -t utf-8)'

/** Forms of recordings that are not text, by their first bytes, and what makes text of them. */
const BINARY: readonly { readonly magic: Buffer; readonly message: string }[] = [
  {
    magic: Buffer.from('\x17\x08\x44tracing', 'latin1'),
    message: 'a trace-cmd file: print it with "trace-cmd report"',
  },
  { magic: Buffer.from('PERFILE2'), message: 'a perf file: print it with "perf script"' },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), message: 'compressed with zstd: give it plain or as gzip' },
  {
    magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
    message: 'compressed with xz: give it plain or as gzip',
  },
  { magic: Buffer.from([0xff, 0xfe]), message: UTF_16 },
  { magic: Buffer.from([0xfe, 0xff]), message: UTF_16 },
  { magic: Buffer.from('BZh'), message: 'compressed with bzip2: give it plain or as gzip' },
]

/** Where the bytes of a recording stop too early, when they do. */
export interface SourceEnd {
  /** Set when a gzip file ends, or becomes invalid, before its end; what came before it has been read. */
  damage?: string
}

/**
 * The bytes of a recording, plain or gzip (told by its content, not its name), in chunks. `-` is standard input. A
 * chunk is valid until the next one is asked for: reading a plain file fills one buffer again and again.
 *
 * @throws UsageError when the file cannot be read or is no text
 */
export async function* readBytes(file: string, end: SourceEnd): AsyncGenerator<Buffer> {
  const chunks = file === '-' ? (process.stdin as AsyncIterable<Buffer>) : readFile(file)
  const input = chunks[Symbol.asyncIterator]()
  let first: Buffer = Buffer.alloc(0)
  try {
    while (first.length < LONGEST_MAGIC) {
      const next = await input.next()
      if (next.done === true) break
      first = Buffer.concat([first, next.value])
    }
    for (const { magic, message } of BINARY) {
      if (first.subarray(0, magic.length).equals(magic)) throw new UsageError(`${file}: ${message}`)
    }
    const all = startingWith(first, input)
    if (first[0] === 0x1f && first[1] === 0x8b) yield* gunzip(all, end)
    else yield* all
  } catch (error) {
    throw readError(file, error)
  } finally {
    await input.return?.()
  }
}

/** What has been read already, then the rest. */
async function* startingWith(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function* readFile(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file)
  try {
    const kind = await handle.stat()
    if (kind.isDirectory()) throw new UsageError(`${file}: a directory; give the trace text inside it`)
    const read = async (buffer: Buffer) => {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, null)
      return buffer.subarray(0, bytesRead)
    }
    const buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const
    if (!kind.isFile()) {
      // A pipe may never give what is read ahead of its use.
      for (let chunk = await read(buffers[0]); chunk.length > 0; chunk = await read(buffers[0])) yield chunk
      return
    }
    let next = read(buffers[0])
    for (let turn = 1; ; turn = 1 - turn) {
      const chunk = await next
      if (chunk.length === 0) return
      next = read(buffers[turn === 0 ? 0 : 1])
      next.catch(() => {}) // what fails is thrown where it is waited for
      yield chunk
    }
  } finally {
    await handle.close()
  }
}

/**
 * The text of a gzip stream; damage ends it and is noted, since what came before is still worth reading.
 * Each piece is unpacked on a thread of zlib's while the text of the one before is used.
 */
async function* gunzip(chunks: AsyncIterable<Buffer>, end: SourceEnd): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: CHUNK })
  let text: Buffer[] = []
  stream.on('data', (part: Buffer) => text.push(part))
  let isOver = false
  // Ends early where zeros follow the last member; writes are not answered then.
  const over = new Promise<void>((resolve) => {
    const settle = () => {
      isOver = true
      resolve()
    }
    stream.once('end', settle)
    stream.once('error', (error) => {
      end.damage = error.message
      settle()
    })
  })
  const taken = () => {
    const parts = text
    text = []
    return parts
  }
  try {
    let unpacked: Promise<unknown> = Promise.resolve()
    for await (const piece of piecesOf(chunks)) {
      await unpacked
      if (isOver) break
      const parts = taken()
      unpacked = Promise.race([over, new Promise<void>((resolve) => stream.write(piece, () => resolve()))])
      yield* parts
    }
    await unpacked
    if (!isOver) stream.end()
    await over
    yield* taken()
  } finally {
    stream.destroy()
  }
}

/** What is unpacked at once, a thousand times as much text at most; so much in front of damage is lost. */
const PIECE = 4 * 1024

/** Pieces of their own memory: a chunk is overwritten by the next. */
async function* piecesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE) yield Buffer.from(chunk.subarray(at, at + PIECE))
  }
}

function readError(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new UsageError(`${file}: no such file`)
  if (syscall !== undefined) return new UsageError(`${file}: cannot be read (${code})`)
  return error
}
