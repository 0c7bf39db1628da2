import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PLAIN } from '../../src/report/style.ts'
import { checkParameters } from '../../src/simulate/workloads/parameters.ts'
import { Checker } from '../../src/trace/check/checker.ts'
import { PairChecker } from '../../src/trace/check/pair-check.ts'
import { pairTotals } from '../../src/trace/check/pair-outcome.ts'
import { TraceDecoder } from '../../src/trace/decoder.ts'
import { Fitter } from '../../src/trace/fit/fitter.ts'
import { FlushTracker } from '../../src/trace/flush-tracker.ts'
import { MAX_LINE } from '../../src/trace/lines.ts'
import { pairFigures } from '../../src/trace/pair-figures.ts'
import { FlushPairing } from '../../src/trace/pair-tracker.ts'
import { readBytes } from '../../src/trace/source.ts'
import { eventRows, flushRows } from '../../src/trace/sql/rows.ts'
import { formatSummary } from '../../src/trace/summary-text.ts'
import { recording } from './recordings.ts'

const RUNS = { numRuns: 300 }

/** The beginning of a recording, as bytes. */
async function sample(file: string, bytes: number): Promise<Buffer> {
  for await (const chunk of readBytes(recording(file), {})) return Buffer.from(chunk.subarray(0, bytes))
  return Buffer.alloc(0)
}

const SAMPLES = await Promise.all([
  sample('linux-6.12_8vcpu_rich.trace.txt.gz', 60_000),
  sample('hyperv-linux-6.1_2vcpu_munmap.host.trace.txt.gz', 20_000),
  sample('xen417pv-6.1_4vcpu_xenmc.trace.txt.gz', 20_000),
])

/** Runs everything that takes events over some bytes, cut into chunks; every line must be accounted for. */
function digest(bytes: Buffer, chunk: number): void {
  const fitter = new Fitter('fuzz', undefined, 1000)
  const { decoder } = fitter.summary
  const tracker = new FlushTracker()
  const pairing = new FlushPairing(4)
  const machine = { ceiling: 33, vcpus: 4, kernel: 'Linux 6.12.0' }
  const checks = [new Checker(machine), new PairChecker(machine)] as const
  let rows = 0
  const take = (events: ReturnType<TraceDecoder['push']>) => {
    for (const event of events) {
      fitter.add(event)
      rows += [...eventRows(event)].length
      for (const flush of tracker.add(event)) rows += [...flushRows(flush, 1)].length
      pairing.guest(event)
      pairing.host(event, event.at.time)
      checks[0].add(event)
      checks[1].guest(event)
      checks[1].host(event, event.at.time)
    }
  }
  for (let at = 0; at < bytes.length; at += chunk) take(decoder.push(bytes.subarray(at, at + chunk)))
  take(decoder.finish())
  for (const flush of tracker.finish()) rows += [...flushRows(flush, 1)].length
  expect(rows).toBeGreaterThanOrEqual(
    decoder.events - [...decoder.unknown.values()].reduce((a, b) => a + b, 0),
  )
  pairing.finish()
  pairFigures(pairing)
  for (const check of checks) check.finish()
  pairTotals(checks[1])
  const parameters = fitter.parameters()
  expect(checkParameters(JSON.parse(JSON.stringify(parameters)), 'fuzz')).toEqual(parameters)
  expect(formatSummary(fitter.summary, PLAIN, 'with plots')).not.toContain('undefined')
  expect(decoder.events + decoder.brokenCount).toBeLessThanOrEqual(decoder.lines)
}

const chunkSize = fc.integer({ min: 1, max: 5000 })
const piece = fc
  .tuple(fc.nat(SAMPLES.length - 1), fc.nat(60_000), fc.integer({ min: 1, max: 2000 }))
  .map(([which, from, length]) => SAMPLES[which]!.subarray(from, from + length))

describe('hostile input', () => {
  it('of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), chunkSize, (bytes, chunk) => {
        digest(Buffer.from(bytes), chunk)
      }),
      RUNS,
    )
  })

  it('of pieces of recordings, truncated and interleaved', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), chunkSize, (pieces, chunk) => {
        digest(Buffer.concat(pieces), chunk)
      }),
      RUNS,
    )
  })

  it('of recordings with changed bytes', () => {
    const changes = fc.array(fc.tuple(fc.nat(20_000), fc.nat(255)), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(fc.nat(SAMPLES.length - 1), changes, chunkSize, (which, list, chunk) => {
        const bytes = Buffer.from(SAMPLES[which]!.subarray(0, 20_000))
        for (const [at, value] of list) if (at < bytes.length) bytes[at] = value
        digest(bytes, chunk)
      }),
      RUNS,
    )
  })

  it('of numbers out of all range', () => {
    const number = fc.oneof(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.bigInt({ min: 0n, max: 2n ** 70n }).map((n) => `0x${n.toString(16)}`),
      fc.constantFrom('', '-', '0x', 'NaN', '1e9', '99999999999999999999'),
    )
    const line = fc
      .tuple(number, number, number, number)
      .chain(([a, b, c, d]) =>
        fc.constantFrom(
          `tlb_flush: pages:${a} reason:x (${b})`,
          `multi: (f) mask=${a} mm=${b} start=${c} end=${d} gen=${a} cpu=${b} stride=${c} freed=${d}`,
          `flush_func: (f) mm=${b} start=${c} end=${d} gen=${a} cpu=${a} stride=${c} freed=${d}`,
          `flush_range: (f) mm=${b} start=${c} end=${d} stride=${c} freed=${d}`,
          `ipi_send_cpu: cpu=${a} callsite=on_each_cpu_cond_mask+0x1 callback=${b}`,
          `csd_queue_cpu: cpu=${a} callsite=x func=flush_tlb_func csd=${b}`,
          `sched_switch: prev_comm=a prev_pid=${a} prev_prio=1 prev_state=S ==> next_comm=b next_pid=${b} next_prio=1`,
          `kvm_hv_flush_tlb: processor_mask ${a} address_space ${b} flags ${c}`,
          `task_newtask: pid=${a} comm=a clone_flags=${b} oom_score_adj=0`,
          `sys_munmap(addr: ${a}, len: ${b})`,
        ),
      )
    const head = fc.tuple(fc.nat(99999), fc.nat(70000), fc.nat(10), fc.nat(10 ** 6))
    fc.assert(
      fc.property(fc.array(fc.tuple(head, line), { maxLength: 30 }), (lines) => {
        const text = lines.map(
          ([[pid, cpu, s, us], event]) =>
            `          CPU 1/KVM-${pid} [${cpu}] d.... ${s}.${String(us).padStart(6, '0')}: ${event}\n`,
        )
        digest(Buffer.from(text.join('')), 4096)
      }),
      RUNS,
    )
  })

  it('of CPUs that no machine has', () => {
    const text = [
      '          CPU 99999999/KVM-1 [0] d.... 1.000000: kvm_hv_hypercall: code 0x3 slow var_cnt 0x0 rep_cnt 0x1 idx 0x0 in 0x3 out 0x0',
      '          <idle>-0       [999999999] d..2.     1.000000: tlb_flush: pages:1 reason:x (1)',
      '          <idle>-0       [001] d..2.     1.000000: flush_func: (f) mm=1 start=0x0 end=0x1 gen=1 cpu=4294967295 stride=12 freed=0',
      '          <idle>-0       [001] d..2.     1.000000: ipi_send_cpu: cpu=999999999999 callsite=on_each_cpu_cond_mask callback=0x0',
      '          <idle>-0       [001] d..2.     1.000000: ipi_send_cpu: cpu=-1 callsite=on_each_cpu_cond_mask callback=0x0',
    ]
    digest(Buffer.from(text.join('\n')), 4096)
  })

  it('of other encodings', () => {
    const text = SAMPLES[0]!.toString('latin1')
    digest(Buffer.from(text, 'utf16le'), 1000)
    digest(Buffer.from(text.replaceAll('init', 'ïnït\u{1f600}'), 'utf8'), 1000)
    digest(Buffer.from(text.replaceAll('init', '\xff\xfe'), 'latin1'), 1000)
    digest(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), SAMPLES[0]!]), 1000)
  })

  it('of lines of megabytes, in bounded memory and time', () => {
    const decoder = new TraceDecoder()
    const junk = Buffer.alloc(1 << 20, ' [000] -1 ')
    const before = process.memoryUsage().rss
    for (let i = 0; i < 200; i++) decoder.push(junk)
    decoder.push(Buffer.from('\n'))
    for (let i = 0; i < 50; i++) {
      decoder.push(Buffer.from(`${' [0] '.repeat(MAX_LINE / 5)}\n`))
      decoder.push(Buffer.from(`${') [0]'.repeat(MAX_LINE / 5)}\n`))
    }
    decoder.finish()
    expect(decoder.events).toBe(0)
    expect(decoder.brokenCount).toBe(101)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20)
  }, 20_000)

  it('of ever new names of tasks, in bounded memory', () => {
    const decoder = new TraceDecoder()
    const fitter = new Fitter('fuzz', undefined)
    for (let round = 0; round < 40; round++) {
      const lines = Array.from({ length: 1000 }, (_, i) => {
        const pid = round * 1000 + i
        return `      t${String(pid).padStart(8, '0')}-${pid} [001] d..2.   ${pid}.458314: tlb_flush: pages:3 reason:remote ipi send (4)\n`
      })
      for (const event of decoder.push(Buffer.from(lines.join('')))) fitter.add(event)
    }
    const { jobs } = fitter.parameters()
    expect(jobs.length).toBeLessThanOrEqual(1001)
    expect(fitter.summary.processes.size).toBeLessThanOrEqual(1000)
  })
})
