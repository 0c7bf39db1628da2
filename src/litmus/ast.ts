/** A litmus test as it was written. */
import type { Register, Width } from './registers.ts'

/** `int`, `uint64_t`, a pointer. Undefined: the file gives no type. */
export interface DataType {
  readonly width: Width
  readonly signed: boolean
}

/** A place in memory by name: `x`, or `t[1]`. */
export interface Place {
  readonly symbol: string
  readonly index: number
}

/** Where a value is found when all is over. */
export type Location =
  | { readonly is: 'register'; readonly thread: number; readonly register: Register }
  | { readonly is: 'memory'; readonly place: Place }

/** A value as written: a number, or the address of a place. */
export type Constant =
  | { readonly is: 'number'; readonly value: bigint }
  | { readonly is: 'address'; readonly place: Place }

/** One item between the braces. */
export interface Initial {
  readonly location: Location
  readonly type: DataType | undefined
  /** More than one, or `elements`, for an array. */
  readonly values: readonly Constant[]
  /** Declared number of elements of an array; undefined for what is no array. */
  readonly elements: number | undefined
  readonly offset: number
}

export type Proposition =
  | { readonly is: 'constant'; readonly value: boolean }
  | { readonly is: 'equal'; readonly location: Location; readonly constant: Constant }
  | { readonly is: 'same'; readonly location: Location; readonly other: Location }
  | { readonly is: 'not'; readonly of: Proposition }
  | { readonly is: 'and' | 'or'; readonly parts: readonly Proposition[] }
  | { readonly is: 'implies'; readonly left: Proposition; readonly right: Proposition }

export type Quantifier = 'exists' | '~exists' | 'forall'

export interface Condition {
  readonly quantifier: Quantifier
  readonly proposition: Proposition
  /** Quantifiers for models by name: `exists (...) with tso: exists; sc: ~exists`. */
  readonly perModel: ReadonlyMap<string, Quantifier>
}

/** `displacement(base, index, scale)`, all parts optional; a symbol counts as its address. */
export interface MemoryOperand {
  readonly is: 'memory'
  readonly symbol: string | undefined
  readonly displacement: bigint
  readonly base: Register | undefined
  readonly index: Register | undefined
  readonly scale: bigint
}

export type Operand =
  | MemoryOperand
  | { readonly is: 'register'; readonly register: Register }
  | { readonly is: 'immediate'; readonly value: bigint; readonly symbol: string | undefined }

export type ArithmeticKind = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'sar'
export type UnaryKind = 'inc' | 'dec' | 'neg' | 'not'
/** Condition codes as in `jCC`, one name for each. */
export type ConditionCode =
  | 'e'
  | 'ne'
  | 'l'
  | 'ge'
  | 'le'
  | 'g'
  | 'b'
  | 'ae'
  | 'be'
  | 'a'
  | 's'
  | 'ns'
  | 'o'
  | 'no'

interface Common {
  /** Where it stands in the file. */
  readonly offset: number
  /** As written, for messages and diagrams. */
  readonly text: string
  /** Has a lock prefix, or is locked by itself. */
  readonly locked: boolean
  readonly width: Width
}

/** Operands in the AT&T order of the file: source first. */
export type Instruction = Common &
  (
    | { readonly is: 'nop' | 'fence' | 'return' }
    | { readonly is: 'move' | 'address'; readonly from: Operand; readonly to: Operand }
    | {
        readonly is: 'extend'
        readonly from: Operand
        readonly to: Operand
        readonly fromWidth: Width
        readonly signed: boolean
      }
    | {
        readonly is: 'arithmetic'
        readonly kind: ArithmeticKind
        readonly from: Operand
        readonly to: Operand
      }
    | { readonly is: 'compare' | 'test'; readonly from: Operand; readonly to: Operand }
    | { readonly is: 'unary'; readonly kind: UnaryKind; readonly to: Operand }
    | {
        readonly is: 'exchange' | 'exchange-add' | 'compare-exchange'
        readonly from: Operand
        readonly to: Operand
      }
    | {
        readonly is: 'conditional-move'
        readonly code: ConditionCode
        readonly from: Operand
        readonly to: Operand
      }
    | { readonly is: 'set'; readonly code: ConditionCode; readonly to: Operand }
    | { readonly is: 'jump'; readonly code: ConditionCode | undefined; readonly label: string }
  )

export interface Thread {
  readonly instructions: readonly Instruction[]
  /** Index of the instruction that follows each label. */
  readonly labels: ReadonlyMap<string, number>
}

export type MemoryModel = 'tso' | 'sc'

/** How often the proposition holds. */
export type Observation = 'Always' | 'Sometimes' | 'Never'

export interface LitmusTest {
  readonly file: string
  readonly name: string
  readonly description: string
  readonly info: ReadonlyMap<string, string>
  readonly initial: readonly Initial[]
  readonly threads: readonly Thread[]
  /** Locations to show besides those of the condition. */
  readonly shown: readonly Location[]
  /** Only executions in which this holds count. */
  readonly filter: Proposition | undefined
  readonly condition: Condition
  /** What the file says will be observed, where it does. */
  readonly documented: ReadonlyMap<MemoryModel, Observation>
  /** Throws a UsageError about what stands at an offset. */
  readonly fail: (offset: number, message: string) => never
}
