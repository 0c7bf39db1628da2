import { Cursor } from './cursor.ts'
import type { EventKind, TraceEvent, Where } from './events.ts'
import { FORM_FIELDS, FORM_SYSCALL_ENTER, FORM_SYSCALL_EXIT, Head, nameHash } from './head.ts'
import { StringTable } from './intern.ts'
import { LineSplitter, MAX_LINE, Window } from './lines.ts'
import { type EventParser, OTHER_NAMES, VOCABULARY } from './vocabulary.ts'

/** A line that could not be read. */
export interface BrokenLine {
  readonly line: number
  readonly why: string
}

/** The first broken lines that are kept with their numbers; the others are counted. */
const BROKEN_KEPT = 20
/** The distinct unknown event names that are counted apart; a hostile file has no more influence on memory. */
const UNKNOWN_KEPT = 1000

/** Name under which further unknown events are counted once there are too many names. */
export const OTHER_EVENTS = '(others)'

interface Word {
  readonly kind: EventKind
  readonly parse: EventParser
  count: number
}

/** A name as it stands in a line; a system call has another in ftrace text than elsewhere. */
interface Name {
  readonly bytes: Buffer
  readonly hash: number
  readonly form: number
  readonly word: Word
}

const SLOTS = 1024

/** Turns trace text, chunk by chunk, into events, and counts what it meets. Never throws on any input. */
export class TraceDecoder {
  /** Event lines, of known and unknown events. */
  events = 0
  /** Lines that report lost events, and what they add up to. */
  lost = 0
  /** `entries-in-buffer/entries-written` of the header, when there is one. */
  entriesInBuffer: number | undefined
  entriesWritten: number | undefined
  /** `#P:N` of the header: CPUs of the machine. */
  processors: number | undefined
  /** Unit of {@link Where.time}; known after the first event. */
  clock: 'us' | 'cycles' | undefined
  brokenCount = 0
  readonly broken: BrokenLine[] = []
  readonly unknown = new Map<string, number>()

  readonly #slots: (Name | undefined)[] = new Array(SLOTS)
  readonly #words: Word[] = []
  readonly #splitter: LineSplitter
  readonly #window: Window
  readonly #strings = new StringTable()
  readonly #head: Head
  readonly #cursor: Cursor
  #out: TraceEvent[] = []

  constructor() {
    for (const [name, parse] of Object.entries(VOCABULARY)) {
      const word: Word = { kind: name as EventKind, parse, count: 0 }
      this.#words.push(word)
      this.#learn(name, FORM_FIELDS, word)
      const call = /^sys_(enter|exit)_(.*)$/.exec(name)
      if (call !== null)
        this.#learn(`sys_${call[2]}`, call[1] === 'enter' ? FORM_SYSCALL_ENTER : FORM_SYSCALL_EXIT, word)
    }
    for (const [name, kind] of OTHER_NAMES) {
      this.#learn(name, FORM_FIELDS, this.#words.find((word) => word.kind === kind)!)
    }
    this.#splitter = new LineSplitter(
      (start, end, line) => this.#decode(start, end, line),
      (line) => this.#break(line, `longer than ${MAX_LINE} bytes: not a trace line`),
    )
    this.#window = this.#splitter.window
    this.#head = new Head(this.#window, this.#strings)
    this.#cursor = new Cursor(this.#window, this.#strings)
  }

  /** Lines read so far. */
  get lines(): number {
    return this.#splitter.lines
  }

  /** How often each known event occurred, without those that did not. */
  get known(): ReadonlyMap<EventKind, number> {
    return new Map(this.#words.filter((word) => word.count > 0).map((word) => [word.kind, word.count]))
  }

  /** Decodes the next chunk: the events of the lines that it completes. */
  push(chunk: Buffer): readonly TraceEvent[] {
    this.#out = []
    this.#splitter.push(chunk)
    return this.#out
  }

  /** The input has ended: the event of a last line without end of line. */
  finish(): readonly TraceEvent[] {
    this.#out = []
    this.#splitter.finish()
    return this.#out
  }

  /** The file is damaged behind the last line that was read. */
  noteDamage(why: string): void {
    this.#break(this.lines + 1, `the file is damaged here (${why})`)
  }

  #learn(name: string, form: number, word: Word): void {
    const { bytes, words } = new Window(name.length)
    bytes.write(name)
    const hash = nameHash(words, 0, name.length)
    let slot = (hash + form) & (SLOTS - 1)
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1)
    this.#slots[slot] = { bytes: Buffer.from(name), hash, form, word }
  }

  #decode(begin: number, end: number, line: number): void {
    const start = line === 1 ? this.#behindMark(begin, end) : begin
    if (start === end || this.#window.bytes[start] === 35 /* # */) this.#comment(start, end)
    else if (!this.#head.parse(start, end)) this.#noEvent(start, end, line)
    else {
      const word = this.#lookUp()
      if (word === undefined) this.#countUnknown()
      else this.#event(word, end, line)
    }
  }

  /** Behind the byte order mark that some editors put before UTF-8. */
  #behindMark(start: number, end: number): number {
    const { bytes } = this.#window
    const marked =
      end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf
    return marked ? start + 3 : start
  }

  #event(word: Word, end: number, line: number): void {
    const head = this.#head
    const clock = head.decimal ? 'us' : 'cycles'
    if (this.clock !== clock) {
      if (this.clock !== undefined) {
        this.#break(line, 'its timestamp has the form of another clock than the lines before')
        return
      }
      this.clock = clock
    }
    const cursor = this.#cursor
    const where: Where = {
      line,
      time: head.time,
      cpu: head.cpu,
      pid: head.pid,
      comm: head.comm,
      flags: head.flags,
    }
    cursor.reset(head.fieldsStart, end)
    const event = word.parse(cursor, where)
    if (cursor.failed) this.#break(line, `the fields of ${word.kind} are not as expected`)
    else {
      word.count++
      this.events++
      this.#out.push(event)
    }
  }

  /** The word of the vocabulary for the head's name, in the head's form. */
  #lookUp(): Word | undefined {
    const { nameHash: hash, nameStart, nameEnd, form } = this.#head
    for (let slot = (hash + form) & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const name = this.#slots[slot]
      if (name === undefined) return undefined
      if (name.hash !== hash || name.form !== form || name.bytes.length !== nameEnd - nameStart) continue
      if (this.#stands(name.bytes, nameStart)) return name.word
    }
  }

  #stands(name: Uint8Array, start: number): boolean {
    const { bytes } = this.#window
    for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false
    return true
  }

  #syscallName(): string {
    const { nameStart, nameEnd, form } = this.#head
    const name = this.#cursor.text(nameStart, nameEnd)
    return name.replace('sys_', form === FORM_SYSCALL_ENTER ? 'sys_enter_' : 'sys_exit_')
  }

  #countUnknown(): void {
    this.events++
    const { nameStart, nameEnd, form } = this.#head
    let name = form === FORM_FIELDS ? this.#cursor.text(nameStart, nameEnd) : this.#syscallName()
    const count = this.unknown.get(name)
    if (count === undefined && this.unknown.size >= UNKNOWN_KEPT) name = OTHER_EVENTS
    this.unknown.set(name, (this.unknown.get(name) ?? 0) + 1)
  }

  /** `# entries-in-buffer/entries-written: 32909/32909   #P:4` is the one header line that says something. */
  #comment(start: number, end: number): void {
    if (end - start < 20 || end - start > 200) return
    const text = this.#window.bytes.toString('latin1', start, end)
    const match = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)\s+#P:(\d+)/.exec(text)
    if (match === null) return
    this.entriesInBuffer = Number(match[1])
    this.entriesWritten = Number(match[2])
    this.processors = Number(match[3])
  }

  /** Lines that printers put between the events; everything else is broken. */
  #noEvent(start: number, end: number, line: number): void {
    const text = this.#window.bytes.toString('latin1', start, Math.min(end, start + 200))
    const lost = /^CPU:\d+ \[(?:LOST (\d+) EVENTS|(\d+) EVENTS DROPPED|EVENTS DROPPED)\]/.exec(text)
    if (lost !== null) this.lost += Number(lost[1] ?? lost[2] ?? 1)
    else if (!/^(\s*$|\t| => |cpus=\d|version = |CPU \d+ is empty|-+ SUCCESS)/.test(text)) {
      this.#break(line, 'not an event: no "TASK-PID [CPU] TIME: EVENT"')
    }
  }

  #break(line: number, why: string): void {
    this.brokenCount++
    if (this.broken.length < BROKEN_KEPT) this.broken.push({ line, why })
  }
}
