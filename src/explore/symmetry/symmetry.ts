/**
 * Symmetry reduction (EXPLORER 10): of states that differ only in which of several interchangeable CPUs is where, one is kept.
 *
 * Why it is sound. A permutation of interchangeable CPUs takes steps to steps and violations to violations (`mirror.ts` checks
 * that it does). A run from a state is, permuted, a run from its representative, and as long. So in the argument for
 * persistent sets, which goes by the length of what is left of a run, a state may be replaced by its representative after each
 * step. That the sets are persistent in the representatives rests on masks, which hold of every state of every orbit since they
 * are closed under permutations. A cycle of representatives is a cycle of states, gone round some times, and the other way.
 */
import type { Permutation } from '../../core/cells.ts'
import type { Program } from '../../core/program.ts'
import { Automata, type AutomataOptions } from '../automata.ts'
import type { Engine } from '../engine.ts'
import type { Action, CheckOptions, SymmetryReport } from '../verdict.ts'
import { Asymmetry } from './asymmetry.ts'
import { Canonical, exchange } from './canonical.ts'
import { Images, Mirror } from './mirror.ts'
import { candidates } from './recognise.ts'

/** The symmetry of one program. */
export class Symmetry {
  readonly images: Images
  private readonly automata: Automata

  constructor(automata: Automata, classes: readonly (readonly number[])[]) {
    this.automata = automata
    this.images = new Images(automata, classes)
  }

  /** Over the states of one engine. */
  bind(engine: Engine, widths: readonly number[]): Representatives {
    return new Representatives(this.images, engine, widths)
  }

  /** What was noted of the deliveries of one CPU's sources holds for its fellows' too. */
  spreadCycles(): void {
    const { generators } = this.images.group
    for (let changed = true; changed; ) {
      changed = false
      for (const { cells, sources } of generators) {
        if (this.automata.cycles.spread(cells, sources)) changed = true
      }
    }
  }
}

/** Replaces states by their representatives. */
export class Representatives {
  private readonly images: Images
  private readonly mirror: Mirror
  private readonly canonical: Canonical
  private readonly identity: Permutation

  constructor(images: Images, engine: Engine, widths: readonly number[]) {
    this.images = images
    this.identity = images.group.classOf.map((_, cpu) => cpu)
    this.mirror = new Mirror(images, engine, widths)
    this.canonical = new Canonical(images, engine)
  }

  /** Takes note of the step that an engine has just made. */
  learn(engine: Engine, process: number, alternative: number, choice: number): void {
    this.mirror.learn(engine, process, alternative, choice)
  }

  /** The same, and replaces the state that it leads to by its representative; gives the permutation, if it is another one. */
  settle(engine: Engine, process: number, alternative: number, choice: number): Permutation | undefined {
    this.mirror.learn(engine, process, alternative, choice)
    return this.canonical.canonicalise(engine.next)
  }

  /** Takes note of a state in which nobody can move. */
  settleEnd(engine: Engine): void {
    this.mirror.learnEnd(engine)
  }

  /**
   * The same for a search that tells who moved last: processes that may count as having done so in the representative, since
   * exchanging them leaves it as it is.
   */
  settleWithLast(engine: Engine, { process, alternative, choice }: Action): readonly number[] {
    const permutation = this.settle(engine, process, alternative, choice)
    return this.fellows(engine, permutation === undefined ? process : this.nameOf(process, permutation))
  }

  /** Processes of the same kind that the state that an engine has made does not tell apart. */
  private fellows(engine: Engine, process: number): readonly number[] {
    const { cpu } = engine.program.processes[process]!
    if (cpu === undefined) return [process]
    return this.canonical
      .sameAs(engine.next, cpu)
      .map((other) => this.nameOf(process, exchange(this.identity, cpu, other)))
  }

  /** The processes that some permutation takes a process to. */
  kindOf(process: number): readonly number[] {
    return this.images.group.orbitOf(process)
  }

  private nameOf(process: number, permutation: Permutation): number {
    return this.images.group.process(process, permutation)
  }

  /**
   * A path over representatives as a run: whoever moves there moves here under the name that it has in the run.
   *
   * @param lasts - which of the processes that may count as having moved last did, by the names of the state reached
   */
  runOf(engine: Engine, path: readonly Action[], lasts: readonly number[] = []): Action[] {
    // From the run's CPUs to those of the representative.
    let names = this.identity
    engine.loadInitial()
    return path.map((action, i) => {
      const { process, alternative, choice } = action
      const inverse = names.map((_, cpu) => names.indexOf(cpu))
      engine.step(process, alternative, choice)
      const permutation = this.settle(engine, process, alternative, choice)
      if (permutation !== undefined) names = names.map((cpu) => permutation[cpu]!)
      names = this.renamedLast(engine, names, this.nameOf(process, permutation ?? this.identity), lasts[i])
      engine.current.set(engine.next)
      engine.load()
      return { ...action, process: this.nameOf(process, inverse) }
    })
  }

  /** Names under which another process than `moved`, which its state does not tell from it, has moved. */
  private renamedLast(
    { program }: Engine,
    names: Permutation,
    moved: number,
    last: number | undefined,
  ): Permutation {
    if (last === undefined || last === moved) return names
    const [a, b] = [program.processes[moved]!.cpu!, program.processes[last]!.cpu!]
    const swap = exchange(this.identity, a, b)
    return names.map((cpu) => swap[cpu]!)
  }
}

/** Runs a search with symmetry if the program has any, and without when it turns out that it has none after all. */
export function withSymmetry<T>(
  program: Program,
  options: AutomataOptions & Pick<CheckOptions, 'symmetry' | 'onSafe'>,
  run: (automata: Automata, symmetry: Symmetry | undefined) => T,
): { readonly value: T; readonly symmetry: () => SymmetryReport | undefined } {
  const none = (reason: string | undefined) => ({
    value: run(new Automata(program, options), undefined),
    symmetry: () => (reason === undefined ? undefined : { classes: [], reason }),
  })
  if (options.symmetry === false) return none(undefined)
  const { classes, reason } = candidates(program)
  if (classes.length === 0) return none(reason)
  if (options.onSafe !== undefined) return none('a certificate is of a search without it')
  try {
    const automata = new Automata(program, options)
    const symmetry = new Symmetry(automata, classes)
    const value = run(automata, symmetry)
    return {
      value,
      symmetry: () => ({
        classes: classes.map((cpus) => cpus.map((cpu) => `CPU${cpu}`)),
        checkedSteps: symmetry.images.checked,
      }),
    }
  } catch (error) {
    if (error instanceof Asymmetry) return none(error.message)
    throw error
  }
}
