import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { checkParameters } from '../../src/simulate/workloads/parameters.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'cli-trace-'))
afterAll(() => rmSync(directory, { recursive: true }))

function recording(name: string): string {
  return join(ROOT, 'test/trace/recordings', name)
}

interface Outcome {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Runs the real command line. */
function shootdown(args: readonly string[], input?: Buffer): Promise<Outcome> {
  const child = spawn(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'src/cli/main.ts'), ...args], {
    env: { ...process.env, NO_COLOR: '1' },
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })))
}

describe('shootdown trace summary', () => {
  it('prints the figures of a recording', async () => {
    const { status, out, err } = await shootdown([
      'trace',
      'summary',
      recording('linux-6.12_8vcpu_rich.trace.txt.gz'),
    ])
    expect([status, err]).toEqual([0, ''])
    expect(out).toContain(
      'linux-6.12_8vcpu_rich: rich, Linux 6.12.100+deb12-cloud-amd64, 8 CPUs, 9.3 s, 41591 events',
    )
    expect(out).toMatch(/remote ipi send \(4\) +1411 +151\.2/)
  })

  it('prints several side by side, and pools them by workload', async () => {
    const files = ['linux-6.1_4vcpu_rich', 'linux-6.12_8vcpu_rich'].map((name) =>
      recording(`${name}.trace.txt.gz`),
    )
    const { status, out } = await shootdown(['trace', 'summary', ...files])
    expect(status).toBe(0)
    expect(out).toMatch(/linux-6.12_8vcpu_rich +9\.3 +41591 +827 +1466 \(16%\) +1411 \(15%\) +1469 \(29%\)/)
    expect(out).toMatch(/rich, send \(4\) +3756/)
  })

  it('prints one JSON document', async () => {
    const { status, out } = await shootdown([
      'trace',
      'summary',
      '--json',
      recording('linux-6.1_4vcpu_shfork.trace.txt.gz'),
    ])
    expect(status).toBe(0)
    const document = JSON.parse(out)
    expect(document.schema).toBe('shootdown-trace-summary/1')
    expect(document.recordings[0]).toMatchObject({
      name: 'linux-6.1_4vcpu_shfork',
      clock: 'us',
      brokenLines: { count: 0, first: [] },
      flushes: { 'local mm shootdown': { total: 2315 } },
    })
  })

  it('reads standard input', async () => {
    const input = readFileSync(recording('linux-6.1_4vcpu_shfork.trace.txt.gz'))
    const { status, out } = await shootdown(['trace', 'summary', '-'], gunzipSync(input))
    expect(status).toBe(0)
    expect(out).toContain('5705 events')
  })

  it('pairs a guest with its host', async () => {
    const [guest, host] = ['guest', 'host'].map((side) =>
      recording(`hyperv-linux-6.12_4vcpu_munmapsub.${side}.trace.txt.gz`),
    )
    const { status, out } = await shootdown(['trace', 'summary', '--host', host!, guest!])
    expect(status).toBe(0)
    expect(out).toMatch(/with their hypercall +2401/)
    expect(out).toMatch(/to the caller alone +540/)
  })

  it('reports a broken line and reads on', async () => {
    const file = join(directory, 'broken.txt')
    const text = gunzipSync(readFileSync(recording('linux-6.1_4vcpu_shfork.trace.txt.gz'))).toString()
    writeFileSync(file, text.replace('tlb_flush: pages:1', 'tlb_flush: p'))
    const { status, out } = await shootdown(['trace', 'summary', file])
    expect(status).toBe(0)
    expect(out).toMatch(/Not complete:\n {2}line \d+: the fields of tlb_flush are not as expected/)
  })
})

describe('shootdown trace fit', () => {
  it('prints parameters, or writes them', async () => {
    const file = recording('linux-6.12_4vcpu_gup.trace.txt.gz')
    const printed = await shootdown(['trace', 'fit', file])
    expect(printed.status).toBe(0)
    expect(checkParameters(JSON.parse(printed.out), 'printed').source.workload).toBe('gup')
    const output = join(directory, 'gup.json')
    expect(await shootdown(['trace', 'fit', file, '-o', output])).toEqual({ status: 0, out: '', err: '' })
    expect(readFileSync(output, 'utf8')).toBe(printed.out)
  })
})

describe('bad input', () => {
  const shfork = recording('linux-6.1_4vcpu_shfork.trace.txt.gz')
  it.each([
    [['trace', 'summary', 'none.txt'], 'none.txt: no such file'],
    [['trace', 'summary', ROOT], 'a directory'],
    [['trace', 'summary', join(ROOT, 'package.json')], 'not a trace'],
    [['trace', 'summary', '--host', shfork, shfork], 'a pair needs its sidecar'],
    [['trace', 'summary', '--host', shfork, shfork, shfork], '--host needs exactly one other file'],
    [['trace', 'summary', '--mhz', 'fast', shfork], 'a number above 0'],
    [['trace', 'summary'], "missing required argument 'file'"],
    [['trace', 'fit', recording('xen417pv-6.1_4vcpu_rich.trace.txt.gz')], '--mhz'],
    [['trace', 'fit', shfork, '-o', join(directory, 'no', 'such')], 'cannot be written (ENOENT)'],
  ])('%j is one clear line and exit status 2', async (args, message) => {
    const { status, out, err } = await shootdown(args)
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain(message)
    expect(err.trimEnd().split('\n').length).toBe(1)
  })
})

describe('SQL output', () => {
  it('is a database beside the figures', async () => {
    const database = join(directory, 'shfork.duckdb')
    const file = recording('linux-6.1_4vcpu_shfork.trace.txt.gz')
    const { status, out } = await shootdown(['trace', 'summary', '--duckdb', database, file])
    expect(status).toBe(0)
    expect(out).toContain('5705 events')
    const again = await shootdown(['trace', 'summary', '--duckdb', database, file])
    expect(again.status).toBe(2)
    expect(again.err).toMatch(/^shootdown: .*shfork\.duckdb: .*already exists/)
  })
})
