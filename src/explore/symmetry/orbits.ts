/**
 * Numbered things (local states, contents of store buffers) under a group of permutations: where each generator takes each, and
 * which of them can be taken to each other.
 */
import type { Permutation } from '../../core/cells.ts'
import { InternalError } from '../../core/errors.ts'
import { IntList } from '../int-list.ts'
import type { Group } from './group.ts'

const UNKNOWN = -1

/** In `names`: every permutation leaves it as it is; it names other CPUs than its own. */
const NONE = -2
const OTHERS = -3

interface Orbit {
  /** By CPU, where that is enough to tell the members apart. */
  readonly byCpu: Int32Array | undefined
  readonly size: number
}

export class Orbits {
  private readonly group: Group
  /** By generator: images, and the other way. */
  private readonly images: IntList[]
  private readonly origins: IntList[]
  /** Number of the orbit of each, {@link UNKNOWN} as long as not all members are known. */
  private readonly orbitOf = new IntList()
  /** A CPU to whose process each belongs; -1 for processes of none. */
  private readonly owners = new IntList()
  /** The one CPU that each names, if it is one, {@link NONE} or {@link OTHERS}. */
  private readonly names = new IntList()
  private readonly orbits: Orbit[] = []

  /** @param fixed - how many there are at the start that every permutation leaves as they are */
  constructor(group: Group, fixed: number) {
    this.group = group
    this.images = group.generators.map(() => new IntList())
    this.origins = group.generators.map(() => new IntList())
    for (let id = 0; id < fixed; id++) {
      for (let g = 0; g < group.generators.length; g++) this.put(g, id, id, UNKNOWN, UNKNOWN)
      this.close(id)
    }
  }

  /** The number of an orbit: equal for two that some permutation takes to each other. {@link close} must have been called. */
  orbit(id: number): number {
    return this.orbitOf.data[id]!
  }

  /** All members of its orbit are known. */
  isClosed(id: number): boolean {
    return id < this.orbitOf.size && this.orbitOf.data[id] !== UNKNOWN
  }

  /** Where a generator takes it; negative when that is not known. */
  under(generator: number, id: number): number {
    const images = this.images[generator]!
    return id < images.size ? images.data[id]! : UNKNOWN
  }

  /**
   * Notes an image; false when another one is known already, or it is the image of another one.
   *
   * @param owner - CPU of the process whose it is, and of the one whose the image is
   */
  put(generator: number, id: number, image: number, owner: number, imageOwner: number): boolean {
    this.makeRoom(Math.max(id, image))
    if (this.owners.data[id] === UNKNOWN) this.owners.data[id] = owner
    if (this.owners.data[image] === UNKNOWN) this.owners.data[image] = imageOwner
    const images = this.images[generator]!.data
    const origins = this.origins[generator]!.data
    if (images[id] === image) return true
    if (images[id] !== UNKNOWN || origins[image] !== UNKNOWN) return false
    images[id] = image
    origins[image] = id
    return true
  }

  /** Numbers the orbit of one all of whose fellows are known. */
  close(id: number): void {
    if (this.isClosed(id)) return
    const members = [id]
    const met = new Set(members)
    for (const member of members) {
      for (const images of this.images) {
        const image = images.data[member]!
        if (image === UNKNOWN) throw new InternalError('an orbit is closed before all of it is known')
        if (!met.has(image)) members.push(image)
        met.add(image)
      }
    }
    const number = this.orbits.length
    const byCpu = this.byCpu(members)
    for (const member of members) {
      this.orbitOf.data[member] = number
      const named = byCpu === undefined ? OTHERS : this.owners.data[member]!
      this.names.data[member] = members.length === 1 ? NONE : named
    }
    this.orbits.push({ size: members.length, byCpu })
  }

  /** The member of each CPU, if every CPU of one class has exactly one. */
  private byCpu(members: readonly number[]): Int32Array | undefined {
    const { classOf, classes } = this.group
    const of = classOf[this.owners.data[members[0]!]!] ?? UNKNOWN
    if (of < 0 || members.length !== classes[of]!.length) return undefined
    const table = new Int32Array(classOf.length).fill(UNKNOWN)
    for (const member of members) {
      const cpu = this.owners.data[member]!
      if (classOf[cpu] !== of || table[cpu] !== UNKNOWN) return undefined
      table[cpu] = member
    }
    const follows = (member: number, g: number) =>
      this.owners.data[this.images[g]!.data[member]!] ===
      this.group.generators[g]!.permutation[this.owners.data[member]!]
    const all = this.images.every((_, g) => members.every((member) => follows(member, g)))
    return all ? table : undefined
  }

  /** Every permutation that leaves a CPU where it is leaves this, of a process of that CPU, as it is. */
  isSimple(id: number, cpu: number): boolean {
    const named = this.names.data[id]!
    return named === NONE || named === cpu
  }

  /** Where a permutation takes it. */
  image(id: number, permutation: Permutation): number {
    const { size, byCpu } = this.orbits[this.orbitOf.data[id]!]!
    if (size === 1) return id
    if (byCpu !== undefined) return byCpu[permutation[this.owners.data[id]!]!]!
    return this.byGenerators(id, permutation)
  }

  /** As a product of exchanges of neighbours, each of them the transposition of its class between turns of the cycle. */
  private byGenerators(id: number, permutation: Permutation): number {
    let at = id
    let generator = 0
    for (const cpus of this.group.classes) {
      const places = cpus.map((cpu) => this.group.placeOf[permutation[cpu]!]!)
      for (let k = 0; k + 1 < places.length; ) {
        if (places[k]! < places[k + 1]!) {
          k++
          continue
        }
        ;[places[k], places[k + 1]] = [places[k + 1]!, places[k]!]
        for (let turn = 0; turn < k; turn++) at = this.origins[generator + 1]!.data[at]!
        at = this.images[generator]!.data[at]!
        for (let turn = 0; turn < k; turn++) at = this.images[generator + 1]!.data[at]!
        k = Math.max(0, k - 1)
      }
      generator += cpus.length === 2 ? 1 : 2
    }
    return at
  }

  private makeRoom(id: number): void {
    while (this.orbitOf.size <= id) {
      this.orbitOf.push(UNKNOWN)
      this.owners.push(UNKNOWN)
      this.names.push(OTHERS)
      for (const images of this.images) images.push(UNKNOWN)
      for (const origins of this.origins) origins.push(UNKNOWN)
    }
  }
}
