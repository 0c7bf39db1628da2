/** The host's scheduler: pCPUs with queues, slices, wake-ups; vCPUs stay where they last ran while that is free. */
import type { Vcpu } from './vcpu.ts'

export class Pcpu {
  readonly id: number
  readonly socket: number
  /** Number of its last-level cache. */
  readonly cache: number
  current: Vcpu | undefined
  readonly queue: Vcpu[] = []
  /** Since when the current vCPU runs. */
  since = 0
  idleSince = 0
  idle = 0

  constructor(id: number, socket: number, cache: number) {
    this.id = id
    this.socket = socket
    this.cache = cache
  }
}

export class Scheduler {
  readonly pcpus: readonly Pcpu[]

  /** @param perCache - pCPUs that share a last-level cache; those of a socket by default */
  constructor(pcpus: number, sockets: number, perCache?: number) {
    const perSocket = Math.ceil(pcpus / sockets)
    const cached = Math.min(perCache ?? perSocket, perSocket)
    const caches = Math.ceil(perSocket / cached)
    this.pcpus = Array.from({ length: pcpus }, (_, id) => {
      const socket = Math.floor(id / perSocket)
      return new Pcpu(id, socket, socket * caches + Math.floor((id % perSocket) / cached))
    })
  }

  /** Where a vCPU that can run should go: its last pCPU if that is free, else a free one, else its last. */
  placeFor(vcpu: Vcpu): Pcpu {
    const home = this.pcpus[vcpu.pcpu]!
    if (home.current === undefined && home.queue.length === 0) return home
    for (const pcpu of this.pcpus) {
      if (pcpu.current === undefined && pcpu.queue.length === 0 && pcpu.socket === home.socket) return pcpu
    }
    return this.pcpus.find((pcpu) => pcpu.current === undefined && pcpu.queue.length === 0) ?? home
  }

  /** The next vCPU of a pCPU that has nothing to do: of its own queue, else of the longest one. */
  next(pcpu: Pcpu): Vcpu | undefined {
    const own = pcpu.queue.shift()
    if (own !== undefined) return own
    let longest: Pcpu | undefined
    for (const other of this.pcpus) {
      if (other.queue.length > (longest?.queue.length ?? 0)) longest = other
    }
    return longest?.queue.shift()
  }

  /** Takes a queued vCPU out of its queue and puts it in front of it. */
  boost(vcpu: Vcpu): void {
    const { queue } = this.pcpus[vcpu.pcpu]!
    const place = queue.indexOf(vcpu)
    if (place <= 0) return
    queue.splice(place, 1)
    queue.unshift(vcpu)
  }
}
