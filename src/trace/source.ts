import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { UsageError } from '../core/errors.ts'

const CHUNK = 256 * 1024

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
  { magic: Buffer.from('BZh'), message: 'compressed with bzip2: give it plain or as gzip' },
]

/** Where the bytes of a recording stop too early, when they do. */
export interface SourceEnd {
  /** Set when a gzip file ends, or becomes invalid, before its end; what came before it has been read. */
  damage?: string
}

/**
 * The bytes of a recording, plain or gzip (told by its content, not its name), in chunks. `-` is standard input.
 *
 * @throws UsageError when the file cannot be read or is no text
 */
export async function* readBytes(file: string, end: SourceEnd): AsyncGenerator<Buffer> {
  const input: Readable = file === '-' ? process.stdin : await openFile(file)
  const chunks = input[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>
  let first = Buffer.alloc(0)
  try {
    while (first.length < 16) {
      const next = await chunks.next()
      if (next.done === true) break
      first = Buffer.concat([first, next.value])
    }
    for (const { magic, message } of BINARY) {
      if (first.subarray(0, magic.length).equals(magic)) throw new UsageError(`${file}: ${message}`)
    }
    if (first[0] === 0x1f && first[1] === 0x8b) yield* gunzip(first, chunks, end)
    else {
      yield first
      yield* chunks
    }
  } catch (error) {
    throw readError(file, error)
  } finally {
    input.destroy()
  }
}

async function openFile(file: string): Promise<Readable> {
  try {
    const handle = await open(file)
    if ((await handle.stat()).isDirectory()) {
      await handle.close()
      throw new UsageError(`${file}: a directory; give the trace text inside it`)
    }
    return createReadStream(file, { fd: handle, highWaterMark: CHUNK })
  } catch (error) {
    throw readError(file, error)
  }
}

/** The text of a gzip stream; damage ends it and is noted, since what came before is still worth reading. */
async function* gunzip(first: Buffer, rest: AsyncIterable<Buffer>, end: SourceEnd): AsyncGenerator<Buffer> {
  async function* compressed(): AsyncGenerator<Buffer> {
    yield first
    yield* rest
  }
  const source = Readable.from(compressed(), { objectMode: false, highWaterMark: CHUNK })
  const text = createGunzip({ chunkSize: CHUNK })
  source.on('error', (error) => text.destroy(error))
  try {
    yield* source.pipe(text) as AsyncIterable<Buffer>
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!code.startsWith('Z_')) throw error
    end.damage = (error as Error).message
  } finally {
    source.destroy()
  }
}

function readError(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new UsageError(`${file}: no such file`)
  if (syscall !== undefined) return new UsageError(`${file}: cannot be read (${code})`)
  return error
}
