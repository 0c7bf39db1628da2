/** What the names of instructions mean. */
import type { ArithmeticKind, ConditionCode, UnaryKind } from './ast.ts'
import type { Width } from './registers.ts'

/** One member of a union for each name, so that types narrow. */
type Each<K extends string, T> = K extends string ? { readonly is: K } & T : never

/** An instruction's name, taken apart. */
export type Mnemonic =
  | Each<'nop' | 'fence' | 'return', object>
  | { readonly is: 'jump'; readonly code: ConditionCode | undefined }
  | { readonly is: 'set'; readonly code: ConditionCode }
  | {
      readonly is: 'extend'
      readonly signed: boolean
      readonly fromWidth: Width
      readonly width: Width | undefined
    }
  | Each<
      'move' | 'address' | 'compare' | 'test' | 'exchange' | 'exchange-add' | 'compare-exchange',
      {
        readonly width: Width | undefined
        /** herd's `uxch`: an exchange without the lock that is implied. */
        readonly unlocked?: boolean
      }
    >
  | { readonly is: 'arithmetic'; readonly kind: ArithmeticKind; readonly width: Width | undefined }
  | { readonly is: 'unary'; readonly kind: UnaryKind; readonly width: Width | undefined }
  | { readonly is: 'conditional-move'; readonly code: ConditionCode; readonly width: Width | undefined }

const SUFFIXES: ReadonlyMap<string, Width> = new Map([
  ['b', 8],
  ['w', 16],
  ['l', 32],
  ['q', 64],
])

const CODES: ReadonlyMap<string, ConditionCode> = new Map(
  Object.entries({
    e: ['e', 'z'],
    ne: ['ne', 'nz'],
    l: ['l', 'lt', 'nge'],
    ge: ['ge', 'nl'],
    le: ['le', 'ng'],
    g: ['g', 'gt', 'nle'],
    b: ['b', 'c', 'nae'],
    ae: ['ae', 'nb', 'nc'],
    be: ['be', 'na'],
    a: ['a', 'nbe'],
    s: ['s'],
    ns: ['ns'],
    o: ['o'],
    no: ['no'],
  } satisfies Record<ConditionCode, readonly string[]>).flatMap(([code, names]) =>
    names.map((name): [string, ConditionCode] => [name, code as ConditionCode]),
  ),
)

const NOPS = new Set(['nop', 'nopw', 'nopl', 'nopq', 'endbr64', 'pause', 'lfence', 'sfence', 'data16'])
const RETURNS = new Set(['ret', 'retq', 'hlt'])

const SIZED: ReadonlyMap<string, (width: Width | undefined) => Mnemonic> = new Map([
  ...(['add', 'sub', 'and', 'or', 'xor', 'shl', 'shr', 'sar'] as const).map(
    (kind) => [kind, (width: Width | undefined): Mnemonic => ({ is: 'arithmetic', kind, width })] as const,
  ),
  ...(['inc', 'dec', 'neg', 'not'] as const).map(
    (kind) => [kind, (width: Width | undefined): Mnemonic => ({ is: 'unary', kind, width })] as const,
  ),
  ['sal', (width) => ({ is: 'arithmetic', kind: 'shl', width })],
  ['mov', (width) => ({ is: 'move', width })],
  ['movabs', (width) => ({ is: 'move', width: width ?? 64 })],
  ['lea', (width) => ({ is: 'address', width })],
  ['cmp', (width) => ({ is: 'compare', width })],
  ['test', (width) => ({ is: 'test', width })],
  ['xchg', (width) => ({ is: 'exchange', width })],
  ['uxch', (width) => ({ is: 'exchange', width, unlocked: true })],
  ['xadd', (width) => ({ is: 'exchange-add', width })],
  ['cmpxchg', (width) => ({ is: 'compare-exchange', width })],
] as readonly (readonly [string, (width: Width | undefined) => Mnemonic])[])

/** Stores and flushes that are not of the write-back kind: TSO says nothing of them. */
const WEAK = /^(movnt|clflush|clwb|maskmov)/

/** Why an instruction is refused, or undefined when its name is just unknown. */
export function refusal(name: string): string | undefined {
  return WEAK.test(name)
    ? `${name} is not ordered by TSO: non-temporal stores and cache-line flushes are outside the model`
    : undefined
}

const known = new Map<string, Mnemonic | undefined>()

/** What a name in small letters means; undefined when it is not known. */
export function mnemonicOf(name: string): Mnemonic | undefined {
  if (!known.has(name)) {
    if (known.size > 1000) known.clear()
    known.set(name, find(name))
  }
  return known.get(name)
}

function find(name: string): Mnemonic | undefined {
  if (NOPS.has(name)) return { is: 'nop' }
  if (RETURNS.has(name)) return { is: 'return' }
  if (name === 'mfence') return { is: 'fence' }
  if (name === 'jmp') return { is: 'jump', code: undefined }
  const sized = SIZED.get(name)
  if (sized !== undefined) return sized(undefined)
  const width = SUFFIXES.get(name.at(-1) ?? '')
  const stem = SIZED.get(name.slice(0, -1))
  if (width !== undefined && stem !== undefined) return stem(width)
  return conditional(name) ?? extension(name)
}

function conditional(name: string): Mnemonic | undefined {
  if (name.startsWith('j')) {
    const code = CODES.get(name.slice(1))
    return code === undefined ? undefined : { is: 'jump', code }
  }
  if (name.startsWith('set')) {
    const code = CODES.get(name.slice(3))
    return code === undefined ? undefined : { is: 'set', code }
  }
  if (!name.startsWith('cmov')) return undefined
  const rest = name.slice(4)
  const plain = CODES.get(rest)
  if (plain !== undefined) return { is: 'conditional-move', code: plain, width: undefined }
  const code = CODES.get(rest.slice(0, -1))
  const width = SUFFIXES.get(rest.at(-1) ?? '')
  return code === undefined || width === undefined ? undefined : { is: 'conditional-move', code, width }
}

/** `movzbl`, `movswq`, `movslq`, and the short forms `movzb`, `movsw`. */
function extension(name: string): Mnemonic | undefined {
  const parts = /^mov(?<how>[zs])(?<from>[bwl])(?<to>[wlq]?)$/.exec(name)?.groups
  const fromWidth = SUFFIXES.get(parts?.from ?? '')
  if (parts === undefined || fromWidth === undefined) return undefined
  return { is: 'extend', signed: parts.how === 's', fromWidth, width: SUFFIXES.get(parts.to ?? '') }
}
