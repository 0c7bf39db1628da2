/** The host's scheduler: pCPUs with queues, slices, wake-ups; vCPUs stay where they last ran while that is free. */
import type { Place } from './topology.ts'
import { STATE, type Vcpu } from './vcpu.ts'

export class Pcpu {
  readonly id: number
  readonly socket: number
  /** Number of its last-level cache. */
  readonly cache: number
  /** The other threads of its core. */
  siblings: readonly Pcpu[] = []
  current: Vcpu | undefined
  readonly queue: Vcpu[] = []
  /** Since when the current vCPU runs. */
  since = 0
  /** When the host has finished switching to it. */
  entered = 0
  /** Least runtime of those that it serves: never goes back. */
  floor = 0
  /** Who should be next, and who does not want to be. */
  favoured: Vcpu | undefined
  yielding: Vcpu | undefined
  /** Nanoseconds that the host still has to do before the next vCPU runs: the exit of the one before. */
  owed = 0
  /** Has been told to choose anew, whatever its current vCPU has run. */
  mustChoose = false
  idleSince = 0
  idle = 0
  /** When it last had nothing to run any more. */
  leftAt = 0

  constructor(id: number, { socket, cache }: Place) {
    this.id = id
    this.socket = socket
    this.cache = cache
  }

  /** Another thread of its core executes something: who spins leaves the core to others (PAUSE). */
  get sharesCore(): boolean {
    return this.siblings.some(({ current }) => current?.state === STATE.running)
  }
}

export class Scheduler {
  readonly pcpus: readonly Pcpu[]

  /** What fairness allows; undefined where slices go round in turn. */
  private readonly fairness: { readonly granularity: number } | undefined

  /** @param fairness - nanoseconds that a vCPU may be ahead of another and still be preferred */
  constructor(places: readonly Place[], fairness?: { readonly granularity: number }) {
    this.fairness = fairness
    this.pcpus = places.map((place, id) => new Pcpu(id, place))
    for (const pcpu of this.pcpus) {
      const { core } = places[pcpu.id]!
      pcpu.siblings = this.pcpus.filter((other) => other !== pcpu && places[other.id]!.core === core)
    }
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
    if (pcpu.queue.length > 0) return this.fairness === undefined ? pcpu.queue.shift() : this.pick(pcpu)
    let longest: Pcpu | undefined
    for (const other of this.pcpus) {
      if (other.queue.length > (longest?.queue.length ?? 0)) longest = other
    }
    return longest?.queue.shift()
  }

  /** `pick_next_entity()`: who has run least; who was asked for, or anybody but who yields, where that is not too unfair. */
  private pick(pcpu: Pcpu): Vcpu {
    const { queue, favoured, yielding } = pcpu
    const granularity = this.fairness!.granularity
    let chosen = leastRun(queue, undefined)!
    const least = chosen.runtime
    if (chosen === yielding) {
      const second = leastRun(queue, yielding)
      if (second !== undefined && second.runtime - least < granularity) chosen = second
    }
    if (favoured !== undefined && queue.includes(favoured) && favoured.runtime - least < granularity)
      chosen = favoured
    pcpu.favoured = undefined
    pcpu.yielding = undefined
    queue.splice(queue.indexOf(chosen), 1)
    return chosen
  }

  /** What the vCPU on a pCPU has run, as a fair scheduler counts it. */
  runtimeOf(pcpu: Pcpu, now: number): number {
    return pcpu.current === undefined ? Number.POSITIVE_INFINITY : pcpu.current.runtime + now - pcpu.since
  }

  /** Nobody who waits has run less than who has the pCPU. */
  hasRunLeast(pcpu: Pcpu, now: number): boolean {
    const least = leastRun(pcpu.queue, undefined)
    return least === undefined || this.runtimeOf(pcpu, now) < least.runtime
  }

  /** Least that anybody on a pCPU has run. */
  floor(pcpu: Pcpu, now: number): number {
    const queued = leastRun(pcpu.queue, undefined)?.runtime ?? Number.POSITIVE_INFINITY
    const least = Math.min(queued, this.runtimeOf(pcpu, now))
    if (Number.isFinite(least)) pcpu.floor = Math.max(pcpu.floor, least)
    return pcpu.floor
  }

  /** `yield_to()`: a queued vCPU is to be next on its pCPU. Gives that pCPU if it should choose anew at once. */
  favour(vcpu: Vcpu, now: number): Pcpu | undefined {
    const pcpu = this.pcpus[vcpu.pcpu]!
    if (this.fairness === undefined) {
      this.boost(vcpu)
      return pcpu
    }
    pcpu.favoured = vcpu
    const least = Math.min(this.runtimeOf(pcpu, now), leastRun(pcpu.queue, undefined)?.runtime ?? 0)
    return vcpu.runtime - least < this.fairness.granularity ? pcpu : undefined
  }

  /** Takes a queued vCPU out of its queue and puts it in front of it. */
  private boost(vcpu: Vcpu): void {
    const { queue } = this.pcpus[vcpu.pcpu]!
    const place = queue.indexOf(vcpu)
    if (place <= 0) return
    queue.splice(place, 1)
    queue.unshift(vcpu)
  }
}

function leastRun(queue: readonly Vcpu[], except: Vcpu | undefined): Vcpu | undefined {
  let least: Vcpu | undefined
  for (const vcpu of queue)
    if (vcpu !== except && (least === undefined || vcpu.runtime < least.runtime)) least = vcpu
  return least
}
