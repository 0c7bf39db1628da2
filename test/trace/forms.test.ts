/** The same recording in every form that it can come in says the same. */
import { describe, expect, it } from 'vitest'
import { Checker } from '../../src/trace/check/checker.ts'
import { DECISIONS } from '../../src/trace/check/decisions.ts'
import { TraceDecoder } from '../../src/trace/decoder.ts'
import { Fitter } from '../../src/trace/fit/fitter.ts'
import { readBytes } from '../../src/trace/source.ts'
import { summaryDocument } from '../../src/trace/summary-json.ts'
import { eventsOf, ftraceLine } from './decode.ts'
import { FORMS, inForm } from './forms.ts'
import { recording } from './recordings.ts'

async function beginningOf(name: string, lines: number): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readBytes(recording(`${name}.trace.txt.gz`), {})) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8').split('\n').slice(0, lines).join('\n')
}

const STANDINGS = ['agreed', 'race', 'lost', 'unexplained', 'unchecked'] as const

const TEXTS = {
  'a compile with probes': await beginningOf('linux-6.1_4vcpu_ccpf', 6000),
  'threads on all CPUs': await beginningOf('linux-6.12_8vcpu_rich', 6000),
} as const

/** Everything that the commands say of a text. */
function digest(text: string) {
  const fitter = new Fitter('form', undefined)
  const checker = new Checker({ ceiling: 33 })
  const { decoder } = fitter.summary
  const take = (events: ReturnType<TraceDecoder['push']>) => {
    for (const event of events) {
      fitter.add(event)
      checker.add(event)
    }
  }
  take(decoder.push(Buffer.from(text)))
  take(decoder.finish())
  checker.finish()
  const parameters = fitter.parameters()
  const [summary] = summaryDocument([fitter.summary]).recordings
  const { lines: _, lostEvents, byProcess, byCpu, ...rest } = summary!
  const findings = Object.fromEntries(
    DECISIONS.map((decision) => [
      decision,
      Object.fromEntries(STANDINGS.map((standing) => [standing, checker.findings.count(decision, standing)])),
    ]),
  )
  return { summary: rest, byProcess, byCpu: Object.values(byCpu), lostEvents, findings, parameters }
}

describe.each(Object.entries(TEXTS))('%s', (_, text) => {
  const usual = digest(text)

  it('has events, decisions, and nothing broken', () => {
    expect(usual.summary.events).toBeGreaterThan(5000)
    expect(usual.summary.brokenLines.count).toBe(0)
    expect(usual.findings['full or ranged']).toMatchObject({ unexplained: 0 })
  })

  it.each(FORMS.map((form) => [form.name, form] as const))('as %s', (name, form) => {
    const found = digest(inForm(text, form))
    expect(found.summary.brokenLines).toEqual({ count: 0, first: [] })
    expect(found.lostEvents).toBe(name.includes('lost') ? 12 : 0)
    if (name.includes('200')) {
      // Probes print one word of a mask, in which these CPUs are not: less can be predicted, and nothing wrongly.
      expect(found.summary.flushes).toEqual(usual.summary.flushes)
      for (const { unexplained } of Object.values(found.findings)) expect(unexplained).toBe(0)
      expect(found.findings['outcome on a CPU']).toEqual(usual.findings['outcome on a CPU'])
      return
    }
    expect(found.findings).toEqual(usual.findings)
    expect(found.summary).toEqual(usual.summary)
    expect(found.byCpu).toEqual(usual.byCpu)
    if (form.loses === 'names') return
    expect(found.byProcess).toEqual(usual.byProcess)
    expect({ ...found.parameters, source: null }).toEqual({ ...usual.parameters, source: null })
  })
})

describe('other kernels', () => {
  it('before 5.13 call the flushes of Xen and Hyper-V those of others', () => {
    const text = 'ncpus 4 mm 0000000047682cbd addr 7fb210023000, end 7fb210026000'
    const [xen, hyperv, one] = eventsOf(
      ftraceLine(`xen_mmu_flush_tlb_others: ${text}`) +
        ftraceLine(`hyperv_mmu_flush_tlb_others: ${text}`) +
        ftraceLine('xen_mmu_flush_tlb_single: addr 5eb000'),
    )
    expect(xen).toMatchObject({ kind: 'xen_mmu_flush_tlb_multi', ncpus: 4, start: 0x7fb210023000 })
    expect(hyperv).toMatchObject({ kind: 'hyperv_mmu_flush_tlb_multi', end: 0x7fb210026000 })
    expect(one).toMatchObject({ kind: 'xen_mmu_flush_tlb_one_user', addr: 0x5eb000 })
  })

  it('before 5.14 print one count of a hypercall', () => {
    const [call] = eventsOf(
      ftraceLine('kvm_hv_hypercall: code 0x3 slow cnt 0x1 idx 0x0 in 0x3f1d000 out 0x0'),
    )
    expect(call).toMatchObject({ code: 3, varCnt: 0, repCnt: 1, repIdx: 0, in: 0x3f1d000n })
  })

  it('since 6.14 report CPUs that are asked and have left', () => {
    const [event] = eventsOf(ftraceLine('tlb_flush: pages:0 reason:remote wrong CPU (5)'))
    expect(event).toMatchObject({ pages: 0, reason: 5 })
  })

  it('run for months: cycle counters of 17 digits', () => {
    const line = ftraceLine('tlb_flush: pages:3 reason:remote ipi send (4)').replace(
      '106.458314',
      '12345678901234567',
    )
    const [event] = eventsOf(line)
    expect(event?.at.time).toBe(Number(12345678901234567n))
  })

  it('of other architectures have events that are counted and passed over', () => {
    const decoder = new TraceDecoder()
    const text = [
      ftraceLine('ipi_raise: target_mask=00000000,00000002 (Function call interrupts)'),
      ftraceLine('ipi_entry: (Function call interrupts)'),
      ftraceLine('ipi_exit: (Function call interrupts)'),
      ftraceLine('kvm_entry: PC: 0xffff800010b5d4f0'),
    ].join('')
    expect(decoder.push(Buffer.from(text)).map(({ kind }) => kind)).toEqual(['ipi_raise'])
    expect(decoder.events).toBe(4)
    expect(decoder.brokenCount).toBe(0)
    expect([...decoder.unknown.keys()]).toEqual(['ipi_entry', 'ipi_exit', 'kvm_entry'])
  })

  it('of many CPUs print masks of several words', () => {
    const words = ['00000080', ...Array.from({ length: 5 }, () => '00000000'), '00000001']
    const [event] = eventsOf(
      ftraceLine(`ipi_send_cpumask: cpumask=${words.join(',')} callsite=x+0x0 callback=0x0`),
    )
    expect(event).toMatchObject({ targets: (1n << 199n) | 1n })
  })
})
