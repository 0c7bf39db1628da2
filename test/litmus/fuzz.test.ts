/** Whatever a file holds, the answer is a result or one line about what is wrong. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ShootdownError } from '../../src/core/errors.ts'
import { readLitmus } from '../../src/litmus/read.ts'
import { runLitmus } from '../../src/litmus/run.ts'
import { formatResult } from '../../src/litmus/summary.ts'
import { mulberry32 } from './random.ts'
import { SUITES } from './suites.ts'

const LOOPS = `X86_64 loops (* all kinds of words *)
{ int x=1; uint64_t t[2]={1,-2}; 0:rax=t; *p=&x; }
 P0                   | P1                       ;
 L: movq 8(%rax),%rbx | lock; cmpxchgl %ecx,(x)  ;
 cmpl $3,(x)          | M: xchgl %eax,(x)        ;
 jne L                | decl %ebx                ;
 leaq 8(%rax),%rdx    | jns M                    ;
locations [x; 0:rdx; t[1];]
filter true
forall (x=1 \\/ ~(0:rbx=t /\\ 1:rax!=0x10)) => [x]=[x]
with tso: ~exists; sc: exists
`
const SEEDS = [
  LOOPS,
  ...['coatcheck/n3', 'coatcheck/testandset2', 'x86_64/RWC+po+mfence'].map((name) =>
    readFileSync(join(SUITES, `${name}.litmus`), 'utf8'),
  ),
]
const PIECES = [
  '{',
  '}',
  '(',
  ')',
  '(*',
  '*)',
  ';',
  '|',
  ':',
  '%',
  '$',
  '~',
  '=',
  '/\\',
  '\\/',
  '[',
  ']',
  '"',
  '\n',
  '\0',
  'é',
  '-',
  '99999999999999999999',
  '0x',
  'exists',
  'forall',
  'P9',
  'lock',
  'jmp L',
  'movl',
  '%rip',
  ',',
  '<<',
  'with',
  'x',
  '0',
]

function mutated(text: string, random: () => number): string {
  const at = () => Math.floor(random() * text.length)
  const piece = () => PIECES[Math.floor(random() * PIECES.length)] as string
  const [i, j] = [at(), at()].sort((a, b) => a - b) as [number, number]
  switch (Math.floor(random() * 4)) {
    case 0:
      return text.slice(0, i) + text.slice(i + 1 + Math.floor(random() * 4))
    case 1:
      return text.slice(0, i) + piece() + text.slice(i)
    case 2:
      return text.slice(0, i) + piece() + text.slice(i + 1)
    default:
      return text.slice(0, j) + text.slice(i, Math.min(j, i + 30)) + text.slice(j)
  }
}

describe('fuzzed files', () => {
  it.each(SEEDS.map((text, i) => [i, text] as const))('seed %i', (i, seed) => {
    const random = mulberry32(1000 + i)
    let good = 0
    for (let round = 0; round < 1500; round++) {
      let text = seed
      for (let n = 1 + Math.floor(random() * 3); n > 0; n--) text = mutated(text, random)
      try {
        formatResult(runLitmus(readLitmus('f', text), 'tso', { maxStates: 3000, timeoutMs: 2000 }))
        good++
      } catch (error) {
        if (!(error instanceof ShootdownError))
          throw new Error(`a crash on ${JSON.stringify(text)}`, { cause: error })
        expect(error.code).not.toBe('internal')
        expect(error.message).not.toContain('\n')
        expect(error.message).toMatch(/^f(:\d+)?: /)
      }
    }
    expect(good).toBeGreaterThan(100)
  })

  it.each([
    ['parentheses', `X86_64 t\n{}\nP0;\nnop;\nexists ${'('.repeat(1e5)}x=1`],
    ['negations', `X86_64 t\n{}\nP0;\nnop;\nexists ${'~'.repeat(1e5)}x=1`],
    ['implications', `X86_64 t\n{}\nP0;\nnop;\nexists ${'x=1=>'.repeat(1e5)}x=1`],
    ['columns', `X86_64 t\n{}\n${Array.from({ length: 40 }, (_, i) => `P${i}`).join('|')};\nexists x=1`],
    ['registers', `X86_64 t\n{}\nP0;\n${'incl %eax;\n'.repeat(1e5)};\nL: jmp L;exists x=1`],
  ])('very many %s', (_, text) => {
    expect(() => runLitmus(readLitmus('f', text), 'tso')).toThrow(ShootdownError)
  })
})
