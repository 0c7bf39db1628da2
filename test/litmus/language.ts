/**
 * The mini-language of these tests, as the literature abbreviates programs: `Wx1;F;Ry0 || Wy1;Rx0` with `final x=1`.
 *
 * | text | meaning |
 * | --- | --- |
 * | `Wx1` | store 1 to x |
 * | `Rx0` | load x; the outcome in question has it return 0 |
 * | `F` | MFENCE |
 * | `Xx:0>1` | locked exchange that reads 0 and writes 1 |
 * | `xchg x,1` | locked exchange whose result does not matter |
 */

/** A program and the outcome that its test is about. */
export interface Shape {
  readonly name: string
  /** Threads between `||`. */
  readonly threads: string
  /** `x=1,y=2`. */
  readonly final?: string
}

const REGISTERS = ['eax', 'ebx', 'ecx', 'edx']

interface Column {
  readonly instructions: string[]
  /** Registers that reads go to, with what they should return. */
  readonly reads: { readonly register: string; readonly value: string | undefined }[]
}

function column(text: string): Column {
  const instructions: string[] = []
  const reads: Column['reads'] = []
  const register = (value: string | undefined) => {
    const name = REGISTERS[reads.length]
    if (name === undefined) throw new Error(`too many reads: ${text}`)
    reads.push({ register: `r${name.slice(1)}`, value })
    return `%${name}`
  }
  for (const step of text.split(';').map((part) => part.trim())) {
    const [, place, from, to] = /^X(\w):(\d)>(\d)$/.exec(step) ?? /^xchg (\w),()(\d)$/.exec(step) ?? []
    if (step === 'F') instructions.push('mfence')
    else if (place !== undefined) {
      const into = register(from === '' ? undefined : from)
      instructions.push(`movl $${to},${into}`, `xchgl ${into},(${place})`)
    } else if (step.startsWith('W')) instructions.push(`movl $${step.slice(2)},(${step[1]})`)
    else if (step.startsWith('R')) {
      instructions.push(`movl (${step[1]}),${register(step.slice(2) === '' ? undefined : step.slice(2))}`)
    } else throw new Error(`what is ${step}?`)
  }
  return { instructions, reads }
}

/** Places that a shape names, in order. */
export function placesOf({ threads, final = '' }: Shape): string[] {
  const named = `${threads};${final}`.matchAll(/\b[WRX](?<a>[a-z])|xchg (?<b>\w)|(?<c>\w)=/g)
  return [...new Set([...named].map(({ groups }) => groups?.a ?? groups?.b ?? groups?.c ?? ''))].sort()
}

/** The shape as a file in herd's format. */
export function litmusText(
  shape: Shape,
  extra: { readonly comment?: string; readonly all?: boolean } = {},
): string {
  const columns = shape.threads.split('||').map(column)
  const rows = Math.max(...columns.map(({ instructions }) => instructions.length))
  const table = [columns.map((_, i) => `P${i}`)]
  for (let row = 0; row < rows; row++) table.push(columns.map(({ instructions }) => instructions[row] ?? ''))
  const widths = columns.map((_, i) => Math.max(...table.map((line) => (line[i] as string).length)))
  const code = table.map(
    (line) => ` ${line.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} ;`,
  )
  const wanted = columns.flatMap(({ reads }, i) =>
    reads.flatMap(({ register, value }) => (value === undefined ? [] : [`${i}:${register}=${value}`])),
  )
  const final = (shape.final ?? '')
    .split(',')
    .flatMap((part) => (part === '' ? [] : [`[${part.replace('=', ']=')}`]))
  const registers = columns.flatMap(({ reads }, i) => reads.map(({ register }) => `${i}:${register};`))
  const places = placesOf(shape)
  return [
    `X86_64 ${shape.name}`,
    ...(extra.comment === undefined ? [] : [extra.comment]),
    `{ ${places.map((place) => `${place}=0;`).join(' ')} }`,
    ...code,
    ...(extra.all === true
      ? [`locations [${[...registers, ...places.map((place) => `${place};`)].join(' ')}]`]
      : []),
    `exists (${[...wanted, ...final].join(' /\\ ')})`,
    '',
  ].join('\n')
}
