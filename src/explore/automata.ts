/** Everything that is recorded of a program. It knows cells by index only, so it outlives changes of the layout. */
import type { Program } from '../core/program.ts'
import { Buffers } from './buffers.ts'
import { Cycles } from './cycles.ts'
import { Handlers } from './handlers.ts'
import { MAX_BUFFERED, MAX_BUFFERED_IN_LOOPS } from './limits.ts'
import { DONE, Locals } from './locals.ts'
import { Recorder } from './recorder.ts'
import { Trees } from './trees.ts'

export interface AutomataOptions {
  readonly operationsPerCall: number
  readonly without: ReadonlySet<string>
}

export class Automata {
  readonly program: Program
  readonly recorder: Recorder
  readonly locals: Locals
  readonly buffers: Buffers
  readonly handlers: Handlers
  readonly cycles: Cycles
  readonly trees: Trees
  /** Local states in which the processes start. */
  readonly initial: readonly number[]

  constructor(program: Program, options: AutomataOptions) {
    const cells = program.cells.size
    this.program = program
    this.recorder = new Recorder({ ...options, cells })
    this.locals = new Locals(this.recorder, cells)
    this.buffers = new Buffers(program.processes.length, cells, () =>
      this.recorder.hasLoops ? MAX_BUFFERED_IN_LOOPS : MAX_BUFFERED,
    )
    this.handlers = new Handlers(program.processes, this.recorder, cells)
    this.cycles = new Cycles(this.handlers, this.recorder.futures.own.words)
    this.trees = new Trees(this.recorder, this.buffers, this.handlers)
    this.initial = program.processes.map(({ main }) =>
      main === undefined ? DONE : this.locals.push(DONE, this.recorder.root(main.fn, main.args)),
    )
  }
}
