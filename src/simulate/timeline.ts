/**
 * A recording of one run for ui.perfetto.dev, in Chrome's JSON trace format: a track for each pCPU (whose vCPU runs there) and for
 * each vCPU (when it runs, what it waits for), and an arrow for each IPI from who sends it to who takes it.
 */
import type { Pcpu } from './scheduler.ts'
import type { Vcpu } from './vcpu.ts'

/** An event of the format; times in microseconds. */
type TraceEvent = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>

const PCPUS = 1
const FIRST_GUEST = 10

/** Who sent an interrupt that is on its way, and when. */
interface Sent {
  readonly from: Vcpu
  readonly at: number
}

export class Timeline {
  private readonly events: TraceEvent[] = []
  /** Since when a pCPU has its vCPU. */
  private readonly since = new Map<Pcpu, { readonly vcpu: Vcpu; readonly at: number }>()
  private readonly sent = { guest: new Map<Vcpu, Sent>(), host: new Map<Vcpu, Sent>() }
  private readonly limit: number
  private arrows = 0
  /** When the first event was left out; -1 if none was. */
  private cutAt = -1
  private left = 0

  /** @param limit - most events; later ones are left out, and the document says so */
  constructor(limit = 300_000) {
    this.limit = limit
  }

  /** Adds events that belong together: all of them or none. */
  private add(now: number, ...events: readonly TraceEvent[]): void {
    if (this.events.length + events.length <= this.limit && this.cutAt < 0) {
      this.events.push(...events)
      return
    }
    if (this.cutAt < 0) this.cutAt = now
    this.left += events.length
  }

  private place(vcpu: Vcpu) {
    return { pid: FIRST_GUEST + vcpu.guestNumber, tid: vcpu.index + 1 }
  }

  onto(vcpu: Vcpu, pcpu: Pcpu, now: number): void {
    this.since.set(pcpu, { vcpu, at: now })
  }

  off(_vcpu: Vcpu, pcpu: Pcpu, now: number): void {
    const had = this.since.get(pcpu)
    this.since.delete(pcpu)
    if (had === undefined) return
    const { vcpu, at } = had
    const time = { ph: 'X', ts: at / 1000, dur: (now - at) / 1000 }
    this.add(
      now,
      { ...time, name: `guest ${vcpu.guestNumber} ${vcpu.name}`, pid: PCPUS, tid: pcpu.id + 1 },
      { ...time, name: `on pCPU ${pcpu.id}`, ...this.place(vcpu) },
    )
  }

  /** Something that a vCPU does for a while. */
  span(vcpu: Vcpu, name: string, from: number, to: number): void {
    this.add(to, { ph: 'X', name, ...this.place(vcpu), ts: from / 1000, dur: (to - from) / 1000 })
  }

  /** An interrupt of a guest's, or of the host's, is on its way. */
  send(from: Vcpu, to: Vcpu, at: number, by: 'guest' | 'host'): void {
    this.sent[by].set(to, { from, at })
  }

  /** It is taken. */
  arrow(to: Vcpu, now: number, name: string, by: 'guest' | 'host'): void {
    const taken = { ph: 'i', s: 't', name, ...this.place(to), ts: now / 1000 }
    const sent = this.sent[by].get(to)
    this.sent[by].delete(to)
    if (sent === undefined) {
      this.add(now, taken)
      return
    }
    const flow = { name: 'IPI', cat: 'ipi', id: ++this.arrows }
    this.add(
      now,
      taken,
      { ph: 's', ...flow, ...this.place(sent.from), ts: sent.at / 1000 },
      { ph: 'f', bp: 'e', ...flow, ...this.place(to), ts: now / 1000 },
    )
  }

  /** The document; what is still running ends `now`. */
  toJson(vcpus: readonly Vcpu[], pcpus: readonly Pcpu[], now: number): string {
    for (const [pcpu, { vcpu }] of [...this.since]) this.off(vcpu, pcpu, now)
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
        const thread = name(pid, tid, vcpu.name)
        return vcpu.index === 0 ? [name(pid, undefined, `guest ${vcpu.guestNumber}`), thread] : [thread]
      }),
    ]
    const note = `the recording ends here: ${this.limit} events are the most, ${this.left} later ones are left out`
    const cut = { ph: 'i', s: 'g', name: note, pid: PCPUS, tid: 1, ts: this.cutAt / 1000 }
    const traceEvents = [...names, ...this.events, ...(this.cutAt < 0 ? [] : [cut])]
    return JSON.stringify({
      displayTimeUnit: 'ns',
      traceEvents,
      ...(this.cutAt >= 0 && { otherData: { note } }),
    })
  }
}
