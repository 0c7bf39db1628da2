/**
 * The judge of the stale sets: a machine whose CPUs have TLBs that are filled and evicted in explicit steps. It shares no code
 * with `src/machine`. A word of a table is a record, a TLB is a set of elements, and what a TLB may contain after a run of a
 * program is enumerated: a set of such sets, closed under fills from memory as it is now and under evictions.
 */

export type Name = string

export interface Word {
  readonly to: Name
  readonly life: number
  readonly writable: boolean
  readonly global: boolean
  readonly huge: boolean
}

export type Event =
  | { is: 'write'; table: Name; index: number; word: Word | undefined }
  | { is: 'invlpg'; cpu: number; va: number }
  | { is: 'invpcid'; cpu: number; va: number | undefined; pcid: number | undefined; global: boolean }
  | { is: 'cr3'; cpu: number; root: Name; pcid: number; flush: boolean }
  | { is: 'mode'; cpu: number; user: boolean }
  | { is: 'guest'; cpu: number; inside: boolean }
  | { is: 'free' | 'alloc'; frame: Name }
  | { is: 'promise'; root: Name; va: number; frame: Name | undefined; writable: boolean }
  | { is: 'invlpgb'; cpu: number; va: number | undefined; pcid: number; finalOnly: boolean }
  | { is: 'tlbsync'; cpu: number }

/** An element of a TLB: a translation, or an upper-level entry (`level`: of the table that it leads to). */
interface Element {
  readonly pcid: number
  readonly level: number
  /** Of a translation the page, of an upper-level entry the region. */
  readonly at: number
  readonly to: Name
  readonly life: number
  readonly writable: boolean
  readonly global: boolean
  /** log512 of the size of its page. */
  readonly size: number
  /** CPUs whose INVLPGB has met it, and for which addresses: filled through it means met, too. */
  readonly met: readonly string[]
}

interface CpuState {
  root: Name
  pcid: number
  user: boolean
  guest: boolean
  /** Every content that the TLB may have. */
  contents: Map<string, readonly Element[]>
}

const TOP = 4
/** Index of a page, given as four base-512 digits in a plain number, into a table of a level. */
export const indexAt = (page: number, level: number) => Math.floor(page / 512 ** (level - 1)) % 512
const regionAt = (page: number, level: number) => Math.floor(page / 512 ** level)

export class ExplicitMachine {
  private readonly words = new Map<string, Word>()
  private readonly free = new Set<Name>()
  private readonly lives = new Map<Name, number>()
  private readonly promises = new Map<string, { allowed: string | undefined; writable: boolean }>()
  readonly cpus: CpuState[]
  private readonly pages: readonly number[]
  private readonly evicts: boolean

  /**
   * @param evicts - enumerate evictions too. They take possibilities away only, and there are very many of them: without, a
   * TLB holds all that it can
   */
  constructor(cpus: number, pages: readonly number[], root: Name, evicts: boolean) {
    this.pages = pages
    this.evicts = evicts
    this.cpus = Array.from({ length: cpus }, () => ({
      root,
      pcid: 0,
      user: false,
      guest: true,
      contents: new Map([['', []]]),
    }))
  }

  life(frame: Name): number {
    return this.lives.get(frame) ?? 1
  }

  isFree(frame: Name): boolean {
    return this.free.has(frame)
  }

  /** Carries out one event, lets TLBs fill and empty, and names the properties that some CPU could now violate by a use. */
  step(event: Event): Set<string> {
    this.carryOut(event)
    for (const cpu of this.cpus) this.close(cpu)
    const found = new Set<string>()
    for (const cpu of this.cpus) this.badUses(cpu, found)
    return found
  }

  private carryOut(event: Event): void {
    switch (event.is) {
      case 'write': {
        const key = `${event.table} ${event.index}`
        if (event.word === undefined) this.words.delete(key)
        else this.words.set(key, event.word)
        return
      }
      case 'mode':
        this.cpus[event.cpu]!.user = event.user
        return
      case 'guest':
        this.cpus[event.cpu]!.guest = event.inside
        return
      case 'free':
        this.free.add(event.frame)
        this.lives.set(event.frame, this.life(event.frame) + 1)
        return
      case 'alloc':
        this.free.delete(event.frame)
        return
      case 'promise': {
        const { root, va, frame, writable } = event
        const allowed = frame === undefined ? undefined : `${frame} ${this.life(frame)}`
        this.promises.set(`${root} ${va}`, { allowed, writable })
        return
      }
      default:
        this.invalidate(event)
    }
  }

  private invalidate(event: Extract<Event, { cpu: number }>): void {
    const cpu = this.cpus[event.cpu]!
    switch (event.is) {
      case 'invlpg':
        this.keep(cpu, (e) =>
          e.level > 0
            ? e.pcid !== cpu.pcid
            : !(this.covers(e, event.va) && (e.global || e.pcid === cpu.pcid)),
        )
        return
      case 'invpcid':
        this.keep(cpu, (e) => {
          const context = event.pcid === undefined || e.pcid === event.pcid
          const address = event.va === undefined || this.covers(e, event.va)
          return !(
            address &&
            (event.global && e.level === 0 && e.global ? true : context && !(e.level === 0 && e.global))
          )
        })
        return
      case 'cr3':
        cpu.root = event.root
        cpu.pcid = event.pcid
        if (event.flush) this.keep(cpu, (e) => e.pcid !== event.pcid || (e.level === 0 && e.global))
        return
      case 'invlpgb': {
        for (const other of this.cpus) {
          this.change(other, (elements) =>
            elements.map((e) => {
              const hit =
                e.pcid === event.pcid &&
                !(e.level === 0 && e.global) &&
                !(event.finalOnly && e.level > 0) &&
                (event.va === undefined || this.covers(e, event.va))
              const addresses = event.va === undefined ? this.pages : [event.va]
              const met = addresses.filter((va) => this.covers(e, va)).map((va) => `${event.cpu}:${va}`)
              return hit ? { ...e, met: [...new Set([...e.met, ...met])].sort() } : e
            }),
          )
        }
        return
      }
      case 'tlbsync':
        for (const other of this.cpus)
          this.change(other, (elements) =>
            elements.filter((e) => !e.met.some((met) => met.startsWith(`${event.cpu}:`))),
          )
        return
      default:
    }
  }

  /** Whether an element has to do with a page. */
  private covers(element: Element, page: number): boolean {
    if (element.level > 0) return element.at === regionAt(page, element.level)
    return regionAt(element.at, element.size) === regionAt(page, element.size)
  }

  private keep(cpu: CpuState, survives: (element: Element) => boolean): void {
    this.change(cpu, (elements) => elements.filter(survives))
  }

  private change(cpu: CpuState, how: (elements: readonly Element[]) => readonly Element[]): void {
    const next = new Map<string, readonly Element[]>()
    for (const elements of cpu.contents.values()) {
      const changed = normal(how(elements))
      next.set(keyOf(changed), changed)
    }
    cpu.contents = next
  }

  /** Fills, where the context is active, and evictions, at any time. */
  private close(cpu: CpuState): void {
    if (this.evicts) this.fillAndEvict(cpu)
    else this.change(cpu, (elements) => this.fillUp(cpu, elements))
  }

  private fillAndEvict(cpu: CpuState): void {
    const work = [...cpu.contents.values()]
    const reach = (elements: readonly Element[]) => {
      const sorted = normal(elements)
      const key = keyOf(sorted)
      if (cpu.contents.has(key)) return
      cpu.contents.set(key, sorted)
      work.push(sorted)
    }
    for (let elements = work.pop(); elements !== undefined; elements = work.pop()) {
      for (const element of elements) reach(elements.filter((other) => other !== element))
      if (!cpu.guest) continue
      for (const page of this.pages) {
        for (const filled of this.fills(cpu, elements, page)) reach([...elements, filled])
      }
    }
  }

  private fillUp(cpu: CpuState, elements: readonly Element[]): readonly Element[] {
    const held = new Map(elements.map((e) => [textOf(e), e]))
    for (let before = -1; cpu.guest && held.size > before; ) {
      before = held.size
      for (const page of this.pages) {
        for (const filled of this.fills(cpu, [...held.values()], page)) held.set(textOf(filled), filled)
      }
    }
    return [...held.values()]
  }

  /** What one step of the walker can add: it starts at the root or at an upper-level entry that it holds. */
  private fills(cpu: CpuState, held: readonly Element[], page: number): Element[] {
    const starts = [
      { level: TOP, to: cpu.root, writable: true, met: [] as readonly string[] },
      ...held.filter((e) => e.level > 0 && e.pcid === cpu.pcid && this.covers(e, page)),
    ]
    return starts.flatMap(({ level, to, writable, met }) => {
      const word = this.words.get(`${to} ${indexAt(page, level)}`)
      if (word === undefined) return []
      const leaf = level === 1 || word.huge
      const element = {
        pcid: cpu.pcid,
        level: leaf ? 0 : level - 1,
        at: leaf ? page : regionAt(page, level - 1),
        to: word.to,
        life: word.life,
        writable: writable && word.writable,
        global: leaf && word.global,
        size: leaf ? level - 1 : 0,
      }
      const served = (mark: string) => this.covers({ ...element, met: [] }, Number(mark.split(':')[1]))
      return [{ ...element, met: met.filter(served) }]
    })
  }

  /** A CPU uses what it holds, if it may. */
  private badUses(cpu: CpuState, found: Set<string>): void {
    if (!cpu.guest) return
    if (this.free.has(cpu.root)) found.add('hardware-walk lifetime')
    for (const elements of cpu.contents.values()) {
      for (const e of elements) {
        const dead = this.free.has(e.to) || this.life(e.to) !== e.life
        if (e.level > 0) {
          const now = this.free.has(e.to) ? 'hardware-walk lifetime' : 'table ownership'
          if (e.pcid === cpu.pcid && dead) found.add(now)
          continue
        }
        if (!cpu.user || !(e.global || e.pcid === cpu.pcid)) continue
        if (dead) found.add('translation coherence')
        const promised = this.promises.get(`${cpu.root} ${e.at}`)
        if (promised === undefined) continue
        if (promised.allowed !== undefined && promised.allowed !== `${e.to} ${e.life}`)
          found.add('permission coherence')
        if (e.writable && !promised.writable) found.add('permission coherence')
      }
    }
  }
}

const texts = new WeakMap<Element, string>()

function textOf(element: Element): string {
  let text = texts.get(element)
  if (text === undefined) {
    const { pcid, level, at, to, life, writable, global, size, met } = element
    text = `${pcid} ${level} ${at} ${to} ${life} ${writable} ${global} ${size} ${met}`
    texts.set(element, text)
  }
  return text
}

function normal(elements: readonly Element[]): readonly Element[] {
  return [...new Map(elements.map((e) => [textOf(e), e])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, e]) => e)
}

function keyOf(elements: readonly Element[]): string {
  return elements.map(textOf).join()
}
