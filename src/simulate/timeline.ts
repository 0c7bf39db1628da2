/** A recording of one run for ui.perfetto.dev: a track for each pCPU and each vCPU, and arrows for interrupts. */
import type { Pcpu } from './scheduler.ts'
import type { Vcpu } from './vcpu.ts'

/** An event of Chrome's JSON trace format; times in microseconds. */
type TraceEvent = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>

const PCPUS = 1
const FIRST_GUEST = 10

export class Timeline {
  private readonly events: TraceEvent[] = []
  private readonly since = new Map<number, number>()
  private readonly sent = new Map<Vcpu, { readonly from: Vcpu; readonly at: number }>()
  private readonly limit: number
  private arrows = 0

  /** @param limit - most events; later ones are left out, and the document says so */
  constructor(limit = 500_000) {
    this.limit = limit
  }

  private add(event: TraceEvent): void {
    if (this.events.length < this.limit) this.events.push(event)
  }

  private place(vcpu: Vcpu) {
    return { pid: FIRST_GUEST + vcpu.id - vcpu.index, tid: vcpu.index + 1 }
  }

  onto(_vcpu: Vcpu, pcpu: Pcpu, now: number): void {
    this.since.set(pcpu.id, now)
  }

  off(vcpu: Vcpu, pcpu: Pcpu, now: number): void {
    const begun = this.since.get(pcpu.id) ?? now
    this.add({
      ph: 'X',
      name: `vCPU ${vcpu.id}`,
      pid: PCPUS,
      tid: pcpu.id + 1,
      ts: begun / 1000,
      dur: (now - begun) / 1000,
    })
  }

  /** Something that a vCPU does for a while. */
  span(vcpu: Vcpu, name: string, from: number, to: number): void {
    this.add({ ph: 'X', name, ...this.place(vcpu), ts: from / 1000, dur: (to - from) / 1000 })
  }

  /** An interrupt is on its way. */
  send(from: Vcpu, to: Vcpu, at: number): void {
    this.sent.set(to, { from, at })
  }

  /** It is taken. */
  arrow(to: Vcpu, now: number): void {
    this.add({ ph: 'i', s: 't', name: 'interrupt', ...this.place(to), ts: now / 1000 })
    const sent = this.sent.get(to)
    if (sent === undefined) return
    this.sent.delete(to)
    const id = ++this.arrows
    const common = { name: 'IPI', cat: 'ipi', id }
    this.add({ ph: 's', ...common, ...this.place(sent.from), ts: sent.at / 1000 })
    this.add({ ph: 'f', bp: 'e', ...common, ...this.place(to), ts: now / 1000 })
  }

  /** The document. */
  toJson(vcpus: readonly Vcpu[], pcpus: readonly Pcpu[]): string {
    const name = (pid: number, tid: number | undefined, text: string): TraceEvent => ({
      ph: 'M',
      name: tid === undefined ? 'process_name' : 'thread_name',
      pid,
      tid: tid ?? 0,
      args: { name: text },
    })
    const names = [
      name(PCPUS, undefined, 'pCPUs'),
      ...pcpus.map((pcpu) => name(PCPUS, pcpu.id + 1, `pCPU ${pcpu.id}`)),
      ...vcpus.flatMap((vcpu) => {
        const { pid, tid } = this.place(vcpu)
        const thread = name(pid, tid, vcpu.guest.program.processes[vcpu.index]!.name)
        return vcpu.index === 0 ? [name(pid, undefined, `guest ${pid - FIRST_GUEST}`), thread] : [thread]
      }),
    ]
    return JSON.stringify({ displayTimeUnit: 'ns', traceEvents: [...names, ...this.events] })
  }
}
