import { describe, expect, it } from 'vitest'
import { readLitmus } from '../../src/litmus/read.ts'
import { runLitmus } from '../../src/litmus/run.ts'
import { formatResult } from '../../src/litmus/summary.ts'

const summary = (text: string, model: 'tso' | 'sc' = 'tso') =>
  formatResult(runLitmus(readLitmus('t.litmus', text), model))

/** One thread, and what it leaves behind. */
function leaves(code: string, initial: string, shown: string): string {
  const rows = code.split(';').map((row) => ` ${row} ;`)
  const text = ['X86_64 t', `{ ${initial} }`, ' P0 ;', ...rows, `locations [${shown}]`, 'forall true'].join(
    '\n',
  )
  const { states } = runLitmus(readLitmus('t.litmus', text), 'tso')
  return states.map(({ values }) => values.map(({ value }) => value).join(' ')).join(' or ')
}

describe('a file', () => {
  it('has name, description, info lines, comments, and what is expected', () => {
    const test = readLitmus(
      'a/SB.litmus',
      `X86_64 SB+x[1]
"PodWR (* no comment ends here *) Fre"
Cycle=PodWR Fre
Relax=
(* nested (* comments *) { } *)
{ x=0; }
P0 ; (* one *)
nop ;
(*
 * Result: Never
 * Result under SC: Sometimes
 *)
exists x=1
`,
    )
    expect([test.name, test.info.get('Cycle'), test.info.get('Relax')]).toEqual(['SB+x[1]', 'PodWR Fre', ''])
    expect([...test.documented]).toEqual([
      ['tso', 'Never'],
      ['sc', 'Sometimes'],
    ])
  })
  it('has a summary as herd prints it', () => {
    const text = `X86_64 SB
{}
 P0            | P1            ;
 movq $1,(x)   | movq $1,(y)   ;
 movq (y),%rax | movq (x),%rax ;
exists (0:rax=0 /\\ 1:rax=0)
`
    expect(summary(text)).toBe(`Test SB Allowed
States 4
0:rax=0; 1:rax=0;
0:rax=0; 1:rax=1;
0:rax=1; 1:rax=0;
0:rax=1; 1:rax=1;
Ok
Witnesses
Positive: 1 Negative: 3
Condition exists (0:rax=0 /\\ 1:rax=0)
Observation SB Sometimes 1 3`)
    expect(summary(text, 'sc')).toContain('No\nWitnesses\nPositive: 0 Negative: 3\n')
  })
  it('takes its name from the file when it is --', () => {
    expect(readLitmus('a/b.litmus', 'X86_64 --\n{}\nP0;\nnop;\nexists true').name).toBe('b')
  })
})

describe('conditions', () => {
  const threads = ' P0 | P1 ;\n movl $1,(x) | movl (x),%eax ;\n'
  const observed = (condition: string) => {
    const { ok, positive, negative, states } = runLitmus(
      readLitmus('t', `X86_64 t\n{}\n${threads}${condition}`),
      'tso',
    )
    return [ok, positive, negative, states.length]
  }
  it.each([
    ['exists 1:rax=1', [true, 1, 1, 2]],
    ['exists (1:RAX=1)', [true, 1, 1, 2]],
    ['final 1:eax=1', [true, 1, 1, 2]],
    ['~exists 1:rax=2', [true, 0, 2, 2]],
    ['~ exists (P1:rax=0)', [false, 1, 1, 2]],
    ['forall x=1', [true, 2, 0, 1]],
    ['forall ([x]=1 /\\ ~(1:rax=7))', [true, 2, 0, 2]],
    ['forall (1:rax=0 \\/ 1:rax=[x])', [true, 2, 0, 2]],
    ['forall (1:rax=1 => x=1 /\\ true)', [true, 2, 0, 2]],
    ['forall not (1:rax != 0 /\\ 1:rax <> 1)', [true, 2, 0, 2]],
    ['exists false', [false, 0, 2, 1]],
    ['', [true, 2, 0, 1]],
    ['locations [x; 1:rax int;] exists x==1', [true, 2, 0, 2]],
    ['filter 1:rax=0 forall 1:rax=0', [true, 1, 0, 1]],
    ['observed 1:rax=0; x=1; and 1:rax=1; x=1;', [true, 2, 0, 2]],
    ['exists 1:rax=3 with tso: ~exists; sc: exists;', [true, 0, 2, 2]],
  ])('%s', (condition, expected) => expect(observed(condition)).toEqual(expected))
})

describe('the initial state', () => {
  it.each([
    ['int x=5;', 'movl (x),%eax', '5'],
    ['x = -1;', 'movl (x),%eax', '-1'],
    ['uint8_t x=0xff;', 'movzbl (x),%eax', '255'],
    ['volatile int x = 3', 'movl (x),%eax', '3'],
    ['_Atomic int x = ATOMIC_INIT(4);', 'movl (x),%eax', '4'],
    ['int64_t t[2]={1,-7}; 0:rbx=t;', 'movq 8(%rbx),%rax', '-7'],
    ['t=1; int t[3]={7,8,9};', 'movl t+4(%rip),%eax', '8'],
    ['y=2; *p=y;', 'movq (p),%rbx; movl (%rbx),%eax', '2'],
    ['y=2; int *p=&y;', 'movq (p),%rbx; movl (%rbx),%eax', '2'],
    ['0:rbx=x; x=6;', 'movl (%rbx),%eax', '6'],
    ['0:%p=x; [x]=6;', 'movl (%p),%eax', '6'],
    ['0:rax=x;', 'nop', 'x'],
    ['int 0:rax=8; ; int y', 'nop', '8'],
  ])('{ %s }', (initial, code, expected) => expect(leaves(code, initial, '0:rax;')).toBe(expected))
})

describe('instructions', () => {
  it.each([
    ['movl $-1,%eax', '0:rax', '-1'],
    ['movq $-1,%rax; movl $7,%eax', '0:rax', '7'],
    ['movq $-1,%rax; movb $0,%al', '0:rax', '-256'],
    ['movl $0,%eax; movb $2,%ah', '0:rax', '512'],
    ['movl 3,%eax; addl $4,%eax; subl $2,%eax; xorl $1,%eax', '0:rax', '4'],
    ['movl $6,%eax; shll %eax; shr $2,%eax; notl %eax; negl %eax', '0:rax', '4'],
    ['movl $5,(x); incl (x); decl (x); addl $2,(x)', 'x', '7'],
    ['movl $5,(x); lock; incl (x); LOCK addl $2,(x)', 'x', '8'],
    ['movl $5,(x); movl $1,%eax; xchgl %eax,(x)', '0:rax; x', '5 1'],
    ['movl $5,(x); movl $1,%eax; lock xaddl %eax,(x)', '0:rax; x', '5 6'],
    ['movl $5,(x); movl $5,%eax; movl $9,%ebx; lock cmpxchgl %ebx,(x); sete %cl', '0:rax; 0:rcx; x', '5 1 9'],
    ['movl $5,(x); movl $4,%eax; movl $9,%ebx; lock cmpxchg (x),%ebx; sete %cl', '0:rax; 0:rcx; x', '5 0 5'],
    ['movl $3,%eax; cmpl $4,%eax; setl %bl; setnb %cl', '0:rbx; 0:rcx', '1 0'],
    ['movl $2,%eax; cmp $2,%eax; cmovel %eax,%ebx; cmovne %eax,%ecx', '0:rbx; 0:rcx', '2 0'],
    ['movl $2,%eax; jmp E; movl $3,%eax; E:', '0:rax', '2'],
    ['movl $2,%eax; L: decl %eax; jns L', '0:rax', '-1'],
    ['movb $200,(x); movsbl (x),%eax; movzbl (x),%ebx', '0:rax; 0:rbx', '-56 200'],
    ['leaq (x),%rbx; movl $4,(%rbx)', 'x', '4'],
    ['movq $x,%rbx; movl $4,0(%rbx)', 'x', '4'],
    ['movl $4,x(%rip); ret; movl $5,(x)', 'x', '4'],
    ['nopl %cs:0(%rax,%eax,0); endbr64; pause; sfence; lfence; mfence', '0:rax', '0'],
    ['testl %eax,%eax; jz L; movl $1,%ebx; L: nop', '0:rbx', '0'],
  ])('%s', (code, shown, expected) => expect(leaves(code, '', `${shown};`)).toBe(expected))

  it('locks exchanges of memory without a prefix, and others not', () => {
    const race = (code: string) =>
      runLitmus(readLitmus('t', `X86_64 t\n{}\nP0|P1;\n${code}|${code};\nexists x=1`), 'tso').positive > 0
    expect([race('incl (x)'), race('lock; incl (x)')]).toEqual([true, false])
    expect([race('movl $1,%eax; xaddl %eax,(x)'.split(';')[0] as string)]).toEqual([false])
  })

  it('drains the store buffer at locked instructions, also at a cmpxchg that fails', () => {
    const sb = (between: string) =>
      runLitmus(
        readLitmus(
          't',
          `X86_64 t\n{}\nP0|P1;\nmovl $1,(x)|movl $1,(y);\n${between}|${between};\nmovl (y),%ebx|movl (x),%ebx;\nexists 0:rbx=0 /\\ 1:rbx=0`,
        ),
        'tso',
      ).observation
    expect(
      ['nop', 'lfence', 'lock; orl $0,(z)', 'xchg %ecx,(z)', 'lock cmpxchg %ecx,(w)', 'uxch %ecx,(z)'].map(
        sb,
      ),
    ).toEqual(['Sometimes', 'Sometimes', 'Never', 'Never', 'Never', 'Sometimes'])
  })

  it('cuts loops, and says so', () => {
    const text = 'X86_64 t\n{}\nP0|P1;\nmovl $1,(x)|L: cmpl $1,(x);\n|jne L;\n~exists x=0'
    expect(summary(text)).toContain('Loop Ok\nWitnesses\nPositive: 3 Negative: 0')
    expect(runLitmus(readLitmus('t', text), 'tso', { unroll: 5 }).negative).toBe(6)
  })
})

describe('what is wrong is said in one line, with the place', () => {
  const test = (rows: string, initial = '', condition = 'exists true') =>
    `X86_64 t\n{ ${initial} }\nP0|P1;\n${rows}\n${condition}`
  it.each([
    ['', 't:1: not a litmus test: the first line should be "X86_64 NAME"'],
    ['AArch64 t\n{}', 't:1: a test for AArch64; only X86_64 is supported'],
    ['X86_64 t\nP0;', 't:2: the initial state is missing: { ... }'],
    ['X86_64 t\n{ x=1;', 't:2: the initial state is not closed: } is missing'],
    ['X86_64 t\n(* {}', 't:2: a comment is not closed: *) is missing'],
    ['X86_64 t\n{}\nP0|P2;', 't:3: the heading of column 2 should be P1, not "P2"'],
    ['X86_64 t\n{}\n', 't:2: the code is missing: "P0 | P1 ;"'],
    [test('movl $1,(x)|frob;'), 't:4: the instruction frob is not known'],
    [
      test('|movntiq %rax,(x);'),
      't:4: movntiq is not ordered by TSO: non-temporal stores and cache-line flushes are outside the model',
    ],
    [test('a|b|c;'), 't:4: a row of 3 columns, but there are 2 threads'],
    [test('jmp L|;'), 't:4: there is no label L in this thread'],
    [test('L: nop;\nL: nop;'), 't:5: the label L stands here twice'],
    [test('movl $1;'), 't:4: movl $1: 2 operands expected, not 1'],
    [test('movl $1,$2;'), 't:4: movl $1,$2: the second operand cannot be a constant'],
    [test('movl (x),(y);'), 't:4: movl (x),(y): both operands are in memory'],
    [test('lock movl $1,(x);'), 't:4: lock movl $1,(x): lock is for read-modify-write instructions'],
    [
      test('movl $1,(%rax);'),
      't:4: "movl $1,(%rax)" of P0 accesses address 0x0, where no memory location is',
    ],
    [
      test('movb $1,(x)|movl (x),%eax;'),
      't:4: "movb $1,(x)" stores 8 bits of x, and "movl (x),%eax" accesses 32: parts of a location are not supported',
    ],
    [
      test('lock; decb (x);', 'int x=1'),
      't:4: "lock decb (x)" stores 8 bits of x, which has 32: parts of a location are not supported',
    ],
    [test('nop;', 'foo x=1'), 't:2: the type foo is not known'],
    [test('nop;', '0:foo=1'), 't:2: foo is no register of x86-64'],
    [test('nop;', 'int t[2]={1}'), 't:2: t has 2 elements, but 1 values are given'],
    [test('nop;', '', 'exists x=1 /\\'), 't:5: a memory location expected, not the end'],
    [test('nop;', '', 'exists (x=1'), 't:5: ) expected, not the end'],
    [test('nop;', '', 'exists t[3]=1'), 't: t has no element 3'],
    [test('L: jmp L;').replace('jmp', 'nop;\nL2: jmp'), undefined],
  ])('%j', (text, message) => {
    const run = () => runLitmus(readLitmus('t', text), 'tso')
    if (message === undefined) expect(run).not.toThrow()
    else expect(run).toThrow(message)
  })
})
