/**
 * Checks that permutations of CPUs are symmetries, by running what they take each step to. The counterpart of a local state is not
 * computed: it is where the process of the counterpart CPU gets to when it takes the counterpart step in the permuted state.
 *
 * A step is compared with its counterparts - operations by kind and footprint, what is enabled in the whole state, every cell
 * afterwards - when it leads to a local state or a buffer that is new, and when a guard or an effect had to be run for it: all
 * outcomes of guards and effects are kept (`decisions.ts`), so whatever the search makes use of has been compared once. Where too
 * many would have to be kept, samples are.
 *
 * Counterparts are compared with theirs in turn, so that all members of an orbit are recorded as soon as one of them is: the masks
 * of what processes may still do are then closed under permutations, which persistent sets over representatives rest on.
 */
import { ShootdownError } from '../../core/errors.ts'
import { mayLearn } from '../../core/learning.ts'
import type { Violation } from '../../core/violation.ts'
import type { Automata } from '../automata.ts'
import { type BitRows, ROWS } from '../bit-rows.ts'
import { EMPTY } from '../buffers.ts'
import { Engine, NEXT } from '../engine.ts'
import { CellOverflow } from '../layout.ts'
import { DONE, HALT } from '../locals.ts'
import { hashOf } from '../store.ts'
import { Asymmetry } from './asymmetry.ts'
import { type Generator, Group } from './group.ts'
import { Orbits } from './orbits.ts'

/** One step in so many is compared although nothing in it is new. */
const SAMPLE = 256

/** In place of a process: nobody moves. */
const NOBODY = -1

/** A step, with what was enabled before it. */
interface Step {
  /** Some guard or effect was run for it. */
  readonly isNew: boolean
  readonly state: Uint32Array
  readonly next: Uint32Array
  readonly process: number
  readonly alternative: number
  readonly choice: number
  readonly violation: Violation | undefined
  readonly choices: Int32Array
  readonly sourceStatus: Uint8Array
}

/** What is known of a program's symmetry, whatever the layout of its states. */
export class Images {
  readonly group: Group
  readonly locals: Orbits
  readonly buffers: Orbits
  /** Steps that were run in a permuted state and compared, samples apart. */
  checked = 0
  private readonly automata: Automata
  private readonly owner: readonly number[]

  constructor(automata: Automata, classes: readonly (readonly number[])[]) {
    this.automata = automata
    this.group = new Group(automata.program, classes)
    this.locals = new Orbits(this.group, HALT + 1)
    this.buffers = new Orbits(this.group, EMPTY + 1)
    this.owner = automata.program.processes.map(({ cpu }) => cpu ?? -1)
    for (const generator of this.group.generators) this.compareSources(generator)
    for (const [g, { processes }] of this.group.generators.entries()) {
      for (const [process, local] of automata.initial.entries()) {
        this.pairLocals(g, local, automata.initial[processes[process]!]!, process)
      }
    }
    for (const local of automata.initial) this.locals.close(local)
  }

  /** Notes where a generator takes a local state of a process. */
  pairLocals(g: number, local: number, image: number, process: number): void {
    if (this.locals.under(g, local) === image) return
    const generator = this.group.generators[g]!
    this.compareNodes(generator, local, image, process)
    const { owner } = this
    if (!this.locals.put(g, local, image, owner[process]!, owner[generator.processes[process]!]!))
      this.refuse(generator, process, local)
  }

  /** Notes where a generator takes a buffer of a process. */
  pairBuffers(g: number, buffer: number, image: number, process: number, local: number): void {
    if (this.buffers.under(g, buffer) === image) return
    const generator = this.group.generators[g]!
    const { buffers } = this.automata
    const commits = buffers.contentOf(buffer)
    const others = buffers.contentOf(image)
    const same =
      commits.length === others.length &&
      commits.every((commit, i) =>
        sameRows(generator, buffers.commitRows, commit, buffers.commitRows, others[i]!),
      )
    const { owner } = this
    if (!same || !this.buffers.put(g, buffer, image, owner[process]!, owner[generator.processes[process]!]!))
      this.refuse(generator, process, local)
  }

  private compareSources(generator: Generator): void {
    const { own } = this.automata.handlers
    for (const [s, image] of generator.sources.entries()) {
      if (!sameRows(generator, own, s, own, image)) {
        const { label } = this.automata.handlers.sources[s]!
        throw new Asymmetry(`${label} does not treat ${showCpus(generator)} alike`)
      }
    }
  }

  private compareNodes(generator: Generator, local: number, image: number, process: number): void {
    const { locals, recorder } = this.automata
    const own = recorder.futures.own
    const [a, b] = [locals.nodes.at(local), locals.nodes.at(image)]
    if (local <= HALT || image <= HALT) {
      if (local !== image) this.refuse(generator, process, local > HALT ? local : image)
      return
    }
    const [one, other] = [recorder.operations[a]!, recorder.operations[b]!]
    const same =
      one.kind === other.kind &&
      one.drains === other.drains &&
      one.choices === other.choices &&
      one.host === other.host &&
      (one.guard === undefined) === (other.guard === undefined) &&
      (one.commit === undefined) === (other.commit === undefined) &&
      one.conjuncts?.length === other.conjuncts?.length &&
      one.removable?.site === other.removable?.site &&
      sameRows(generator, own, a, own, b)
    if (!same) this.refuse(generator, process, local)
  }

  /** @throws Asymmetry that names the operation at a local state */
  refuse(generator: Generator, process: number, local: number): never {
    const { locals, recorder, program } = this.automata
    const name = program.processes[process]!.name
    const step =
      local === DONE || local === HALT ? 'its end' : `"${recorder.operations[locals.nodes.at(local)]!.label}"`
    throw new Asymmetry(`${name} does not treat ${showCpus(generator)} alike: ${step}`)
  }
}

/** `CPU1, CPU2 and CPU3`. */
export function showCpus({ moved }: Pick<Generator, 'moved'>): string {
  const names = moved.map((cpu) => `CPU${cpu}`)
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** A record's rows are what a generator makes of another record's. */
function sameRows(generator: Generator, a: BitRows, indexA: number, b: BitRows, indexB: number): boolean {
  const { words } = a
  const [baseA, baseB] = [a.base(indexA), b.base(indexB)]
  for (let row = 0; row < ROWS; row++) {
    let count = 0
    for (let word = 0; word < words; word++) {
      for (let bits = a.data[baseA + row * words + word]!; bits !== 0; bits &= bits - 1) {
        const image = generator.cells[word * 32 + 31 - Math.clz32(bits & -bits)]!
        if (((b.data[baseB + row * words + (image >>> 5)]! >>> (image & 31)) & 1) === 0) return false
        count++
      }
      for (let bits = b.data[baseB + row * words + word]!; bits !== 0; bits &= bits - 1) count--
    }
    if (count !== 0) return false
  }
  return true
}

/** Runs permuted steps over states of one layout. */
export class Mirror {
  private readonly images: Images
  private readonly automata: Automata
  private readonly twin: Engine
  private readonly localField: number
  private readonly bufferField: number
  /** Outcomes of guards and effects that have been compared. */
  private outcomes = 0

  constructor(images: Images, engine: Engine, widths: readonly number[]) {
    this.images = images
    this.automata = engine.automata
    this.twin = new Engine(engine.automata, widths)
    this.localField = engine.program.cells.size
    this.bufferField = this.localField + engine.processes
  }

  /** Takes note of the step that an engine has just made. */
  learn(engine: Engine, process: number, alternative: number, choice: number): void {
    const { locals, buffers, group } = this.images
    const local = engine.layout.get(engine.next, this.localField + process)
    const buffer = this.bufferIn(engine.next, process)
    const isNew = this.outcomes !== this.outcomesNow
    const known = locals.isClosed(local) && buffers.isClosed(buffer)
    if (known && !isNew) {
      // By the state, and not by turns: threads that search together draw the same samples.
      const hash = hashOf(engine.next, engine.next.length)
      if (hash % SAMPLE !== 0) return
      const sample = this.stepOf(engine, process, alternative, choice, isNew)
      this.run(sample, Math.floor(hash / SAMPLE) % group.generators.length)
      return
    }
    mayLearn()
    this.compareAll(this.stepOf(engine, process, alternative, choice, isNew))
    locals.close(local)
    buffers.close(buffer)
  }

  /** Takes note of a state in which nobody can move. */
  learnEnd(engine: Engine): void {
    if (this.outcomes === this.outcomesNow) return
    mayLearn()
    this.compareAll(this.stepOf(engine, NOBODY, 0, 0, true))
  }

  private get outcomesNow(): number {
    return this.automata.trees.decisions.values.length
  }

  private stepOf(
    { current, next, violation, choices, sourceStatus }: Engine,
    process: number,
    alternative: number,
    choice: number,
    isNew: boolean,
  ): Step {
    return {
      isNew,
      state: current.slice(),
      next: next.slice(),
      process,
      alternative,
      choice,
      violation,
      choices: choices.slice(),
      sourceStatus: sourceStatus.slice(),
    }
  }

  /** Compares a step with all its counterparts, as far as anything about them is new. */
  private compareAll(step: Step): void {
    const { generators } = this.images.group
    const work = [step]
    // What is not closed may be known in part: an exception (a field that is too narrow) may have come in between.
    const met = new Set([this.keyOf(step)])
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      for (let g = 0; g < generators.length; g++) {
        if (!at.isNew && this.isClosed(at)) continue
        const image = this.run(at, g)
        this.images.checked++
        const key = this.keyOf(image)
        if (image.isNew || !met.has(key)) work.push(image)
        met.add(key)
      }
    }
    this.outcomes = this.outcomesNow
  }

  /** What a step leads to, of the process that moves. */
  private keyOf({ next, process }: Step): string {
    if (process === NOBODY) return ''
    const local = this.twin.layout.get(next, this.localField + process)
    return `${local} ${this.bufferIn(next, process)}`
  }

  /** All counterparts of what a step leads to are known. */
  private isClosed({ next, process }: Step): boolean {
    if (process === NOBODY) return true
    const { locals, buffers } = this.images
    const local = this.twin.layout.get(next, this.localField + process)
    return locals.isClosed(local) && buffers.isClosed(this.bufferIn(next, process))
  }

  private bufferIn(state: Uint32Array, process: number): number {
    const { twin } = this
    return twin.buffered[process] === 1 ? twin.layout.get(state, this.bufferField + process) : EMPTY
  }

  /** Takes the step that a generator takes a step to, and compares what it does. */
  private run(step: Step, g: number): Step {
    const { images, twin } = this
    const generator = images.group.generators[g]!
    const { process, alternative, choice } = step
    const outcomes = this.outcomesNow
    this.permute(step.state, generator, g, NOBODY, twin.current)
    twin.load()
    this.compareEnabled(step, generator)
    if (process === NOBODY) return this.stepOf(twin, NOBODY, 0, 0, this.outcomesNow !== outcomes)
    const other = generator.processes[process]!
    try {
      twin.step(other, alternative, choice)
    } catch (error) {
      if (error instanceof CellOverflow || !(error instanceof ShootdownError)) throw error
      throw this.asymmetry(step, generator)
    }
    if (twin.violation?.property !== step.violation?.property) throw this.asymmetry(step, generator)
    const { layout } = twin
    const before = layout.get(step.state, this.localField + process)
    const local = layout.get(step.next, this.localField + process)
    images.pairLocals(g, local, layout.get(twin.next, this.localField + other), process)
    images.pairBuffers(g, this.bufferIn(step.next, process), this.bufferIn(twin.next, other), process, before)
    const expected = new Uint32Array(layout.words)
    this.permute(step.next, generator, g, process, expected)
    layout.put(expected, this.localField + other, layout.get(twin.next, this.localField + other))
    if (twin.buffered[other] === 1)
      layout.put(expected, this.bufferField + other, layout.get(twin.next, this.bufferField + other))
    for (let i = 0; i < expected.length; i++)
      if (expected[i] !== twin.next[i]) throw this.asymmetry(step, generator)
    return this.stepOf(twin, other, alternative, choice, this.outcomesNow !== outcomes)
  }

  /** The same is enabled, for everybody. */
  private compareEnabled(step: Step, generator: Generator): void {
    const { twin, images } = this
    for (let p = 0; p < twin.processes; p++) {
      if (twin.choices[generator.processes[p]!] !== step.choices[p])
        images.refuse(generator, p, twin.layout.get(step.state, this.localField + p))
    }
    for (let s = 0; s < step.sourceStatus.length; s++) {
      if (twin.sourceStatus[generator.sources[s]!] === step.sourceStatus[s]) continue
      const { label } = this.automata.handlers.sources[s]!
      throw new Asymmetry(`${label} does not treat ${showCpus(generator)} alike`)
    }
  }

  /** A whole state under a generator, local state and buffer of process `except` left out. */
  private permute(
    state: Uint32Array,
    { permutation, cells, processes }: Generator,
    g: number,
    except: number,
    into: Uint32Array,
  ): void {
    const { layout, buffered, program } = this.twin
    const { locals, buffers } = this.images
    into.fill(0)
    for (let cell = 0; cell < cells.length; cell++) {
      const value = layout.get(state, cell)
      const { renamed } = program.cells.cells[cell]!
      layout.put(into, cells[cell]!, renamed === undefined ? value : renamed(value, permutation))
    }
    for (let p = 0; p < processes.length; p++) {
      if (p === except) continue
      layout.put(
        into,
        this.localField + processes[p]!,
        locals.under(g, layout.get(state, this.localField + p)),
      )
      if (buffered[p] === 0) continue
      layout.put(
        into,
        this.bufferField + processes[p]!,
        buffers.under(g, layout.get(state, this.bufferField + p)),
      )
    }
  }

  private asymmetry({ state, process, alternative }: Step, generator: Generator): Error {
    const local = this.twin.layout.get(state, this.localField + process)
    if (alternative === NEXT) this.images.refuse(generator, process, local)
    const { name, sources } = this.automata.program.processes[process]!
    const what = alternative < 0 ? 'a store that drains' : sources[alternative]!.label
    return new Asymmetry(`${what} of ${name} does not treat ${showCpus(generator)} alike`)
  }
}
