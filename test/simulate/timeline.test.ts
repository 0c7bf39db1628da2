import { describe, expect, it } from 'vitest'
import { checkHost, type HostInput } from '../../src/simulate/host.ts'
import { prepareRun, simulate } from '../../src/simulate/run.ts'
import { Timeline } from '../../src/simulate/timeline.ts'

interface Event {
  readonly ph: string
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly id?: number
  readonly s?: string
  readonly bp?: string
  readonly cat?: string
  readonly args?: { readonly name: string }
}

interface Document {
  readonly traceEvents: readonly Event[]
  readonly otherData?: { readonly note: string }
}

const spec = (workload: string, flush: string, machine: HostInput) => ({
  workload,
  host: checkHost(machine, 'test', flush),
  flush,
  free: 'rcu',
  profile: 'tlfs',
  knobs: {},
  seed: 1,
  milliseconds: 2,
  perfetto: true,
})

const track = ({ pid, tid }: Event) => `${pid}.${tid}`

/** What the trace event format asks for, event by event and between them. */
function checkDocument({ traceEvents }: Document): void {
  const named = new Set(traceEvents.filter(({ name }) => name === 'thread_name').map(track))
  const slices = new Map<string, { from: number; to: number }[]>()
  const flows = new Map<number, Event[]>()
  for (const event of traceEvents) {
    expect('XisfM').toContain(event.ph)
    expect(Number.isInteger(event.pid) && Number.isInteger(event.tid)).toBe(true)
    expect(event.name.length).toBeGreaterThan(0)
    if (event.ph === 'M') {
      expect(event.args?.name.length).toBeGreaterThan(0)
      continue
    }
    expect(named, `${event.name} on a track without a name`).toContain(track(event))
    expect(event.ts).toBeGreaterThanOrEqual(0)
    if (event.ph === 'X') {
      expect(event.dur).toBeGreaterThanOrEqual(0)
      const known = slices.get(track(event)) ?? []
      known.push({ from: event.ts!, to: event.ts! + event.dur! })
      slices.set(track(event), known)
    } else if (event.ph === 'i') expect('tpg').toContain(event.s)
    else {
      expect(event.cat).toBe('ipi')
      flows.set(event.id!, [...(flows.get(event.id!) ?? []), event])
    }
  }
  // Slices of a track lie within each other or apart.
  for (const all of slices.values()) {
    all.sort((a, b) => a.from - b.from || b.to - a.to)
    const open: number[] = []
    for (const { from, to } of all) {
      while (open.length > 0 && open.at(-1)! <= from + 1e-6) open.pop()
      expect(to).toBeLessThanOrEqual((open.at(-1) ?? Number.POSITIVE_INFINITY) + 1e-6)
      open.push(to)
    }
  }
  // An arrow has one begin and one end, later, each on a slice of its track.
  for (const ends of flows.values()) {
    const [begin, end] = ends
    expect(ends.map(({ ph }) => ph)).toEqual(['s', 'f'])
    expect(end!.bp).toBe('e')
    expect(end!.ts).toBeGreaterThanOrEqual(begin!.ts!)
    for (const event of ends) {
      const on = slices
        .get(track(event))
        ?.some(({ from, to }) => from <= event.ts! + 1e-6 && event.ts! <= to + 1e-6)
      expect(on, `${event.ph} of arrow ${event.id}`).toBe(true)
    }
  }
}

describe('a recording for ui.perfetto.dev', () => {
  for (const [workload, flush, machine] of [
    ['ipi', 'native', { pcpus: 3 }],
    ['munmap-storm', 'native', { pcpus: 2, vms: 2, vcpus: 3, slice: 300, boost: 'yield' }],
    ['munmap-storm', 'hyperv', { pcpus: 2, vms: 2, vcpus: 3, slice: 300 }],
  ] as const) {
    it(`is well-formed: ${workload}, ${flush}`, () => {
      const document: Document = JSON.parse(simulate(spec(workload, flush, machine)).timeline!)
      checkDocument(document)
      const names = document.traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args!.name)
      const { pcpus, vms = 1, vcpus = pcpus } = machine as { pcpus: number; vms?: number; vcpus?: number }
      expect(names.filter((name) => name.startsWith('pCPU '))).toHaveLength(pcpus)
      expect(names.filter((name) => name.startsWith('CPU'))).toHaveLength(vms * vcpus)
      expect(document.traceEvents.some(({ ph }) => ph === 's')).toBe(true)
      expect(document.otherData).toBeUndefined()
    })
  }

  it('ends at its limit, and says so', () => {
    const { engine } = prepareRun({ ...spec('ipi', 'native', { pcpus: 3 }), perfetto: false })
    const timeline = new Timeline(100)
    Object.assign(engine, { timeline })
    engine.run(1e6)
    const document: Document = JSON.parse(timeline.toJson(engine.vcpus, engine.scheduler.pcpus, 1e6))
    expect(document.traceEvents.filter(({ ph }) => ph !== 'M').length).toBeLessThanOrEqual(101)
    expect(document.otherData?.note).toMatch(
      /^the recording ends here: 100 events are the most, \d+ later ones/,
    )
    expect(document.traceEvents.at(-1)?.name).toBe(document.otherData?.note)
  })
})
