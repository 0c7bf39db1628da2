/** The word algebra of the list builders over z3's 64-bit vectors, and a session that asks z3 questions. */
import type { BitVec, Bool, Context } from 'z3-solver'
import type { WordAlgebra } from '../abi/range-step.ts'

export type Word = BitVec<64, 'ranges'>
export type Truth = Bool<'ranges'>
export type Z3 = Context<'ranges'>
export type SymbolicWords = WordAlgebra<Word, Truth>

/** The same operations as the code that runs, as formulas. */
export function symbolicWords(z3: Z3): SymbolicWords {
  return {
    constant: (value) => z3.BitVec.val(value, 64),
    add: (a, b) => a.add(b),
    sub: (a, b) => a.sub(b),
    and: (a, b) => a.and(b),
    or: (a, b) => a.or(b),
    shiftLeft: (a, bits) => a.shl(bits),
    shiftRight: (a, bits) => a.lshr(bits),
    lessThan: (a, b) => a.ult(b),
    equal: (a, b) => a.eq(b),
    both: (a, b) => a.and(b),
    choose: (condition, yes, no) => z3.If(condition, yes, no),
  }
}

/** The answer to "can this formula be true?": values of the variables, no, or no answer in time. */
export type Answer =
  | { readonly kind: 'yes'; readonly values: ReadonlyMap<string, bigint> }
  | { readonly kind: 'no' }
  | { readonly kind: 'unknown'; readonly reason: string }

/** A running z3. Close it, or its threads keep the process alive. */
export interface Session {
  readonly z3: Z3
  readonly words: SymbolicWords
  variable(name: string): Word
  /** Asks whether `formula` can be true; `values` are read from the model. */
  ask(formula: Truth, variables: readonly string[]): Promise<Answer>
  close(): void
}

/** Loads z3 (a few hundred milliseconds). */
export async function openSession(timeoutSeconds: number): Promise<Session> {
  const { init } = await import('z3-solver')
  const { Context, em } = await init()
  const z3 = Context('ranges')
  const variables = new Map<string, Word>()
  const variable = (name: string): Word => {
    const known = variables.get(name)
    if (known !== undefined) return known
    const made = z3.BitVec.const(name, 64)
    variables.set(name, made)
    return made
  }
  return {
    z3,
    words: symbolicWords(z3),
    variable,
    async ask(formula, names) {
      const solver = new z3.Solver()
      solver.set('timeout', Math.round(timeoutSeconds * 1000))
      solver.add(formula)
      const result = await solver.check()
      if (result === 'unsat') return { kind: 'no' }
      if (result === 'unknown') return { kind: 'unknown', reason: solver.reasonUnknown() }
      const model = solver.model()
      const values = new Map<string, bigint>()
      for (const name of names) {
        const value = model.eval(variable(name), true)
        if (z3.isBitVecVal(value)) values.set(name, value.value())
      }
      return { kind: 'yes', values }
    },
    close: () => {
      const { PThread } = em
      if (PThread === undefined) return
      const workers = [...PThread.runningWorkers, ...PThread.unusedWorkers]
      PThread.terminateAllThreads()
      // One that has ended its work right before still says so, and the solver would print that as an error.
      for (const worker of workers) worker.onmessage = () => {}
    },
  }
}
