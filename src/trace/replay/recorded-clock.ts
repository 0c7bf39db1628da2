/**
 * How far the vCPUs of a replay have come, as times of the recording. Who sleeps is not woken after so many nanoseconds but
 * when those that work have come to where they were when it woke: what it slept for, a lock or a child, is late when they
 * are. Work itself waits for nobody.
 */
export class RecordedClock {
  /** Of each vCPU: recorded time at the begin of its step and at its end, and when the step began. */
  private readonly from: Float64Array
  private readonly to: Float64Array
  private readonly begun: Float64Array
  private readonly works: Uint8Array
  /** Nanoseconds of the simulation for a microsecond of the recording. */
  private readonly scale: number
  /** Nanoseconds that a wake-up takes: recorded idle times are until the task runs, and hold it. */
  private readonly wakeUp: number

  constructor(vcpus: number, scale: number, wakeUp: number) {
    this.from = new Float64Array(vcpus)
    this.to = new Float64Array(vcpus)
    this.begun = new Float64Array(vcpus)
    this.works = new Uint8Array(vcpus)
    this.scale = scale
    this.wakeUp = wakeUp
  }

  /** A vCPU begins with something that was over at a recorded time. */
  begin(vcpu: number, until: number, now: number, how: 'works' | 'sleeps'): void {
    this.from[vcpu] = this.to[vcpu]!
    this.to[vcpu] = Math.max(this.to[vcpu]!, until)
    this.begun[vcpu] = now
    this.works[vcpu] = how === 'works' ? 1 : 0
  }

  /** It has come to the end of its script, and holds nobody back. */
  end(vcpu: number): void {
    this.from[vcpu] = this.to[vcpu]!
    this.to[vcpu] = Number.POSITIVE_INFINITY
    this.works[vcpu] = 0
  }

  /** Nanoseconds, as far as can be said now, until everybody who works has come to a recorded time; 0 when they have. */
  private behind(vcpu: number, time: number, now: number): number {
    let slowest = Number.POSITIVE_INFINITY
    for (let other = 0; other < this.to.length; other++) {
      if (this.works[other] === 1 && other !== vcpu) slowest = Math.min(slowest, this.reached(other, now))
    }
    return slowest >= time ? 0 : Math.max(POLL, (time - slowest) * this.scale)
  }

  /** How long a sleeping vCPU still sleeps; 0 when it is woken. When nobody works, time passes as it did. */
  remaining(vcpu: number, now: number): number {
    const until = this.to[vcpu]! - this.wakeUp / this.scale
    if (this.works.includes(1)) return this.behind(vcpu, until, now)
    let next = Number.POSITIVE_INFINITY
    let latest = 0
    let since = 0
    for (let other = 0; other < this.to.length; other++) {
      next = Math.min(next, this.to[other]!)
      since = Math.max(since, this.begun[other]!)
      latest = Math.max(latest, this.from[other]!)
    }
    const due = since + (next - latest) * this.scale - this.wakeUp
    if (due > now) return due - now
    return this.to[vcpu]! <= next ? 0 : POLL
  }

  private reached(vcpu: number, now: number): number {
    return Math.min(this.to[vcpu]!, this.from[vcpu]! + (now - this.begun[vcpu]!) / this.scale)
  }
}

/** Nanoseconds after which a sleeper looks again at who has not come where it was expected yet. */
const POLL = 200
