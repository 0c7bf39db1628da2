/**
 * How fast a folder of litmus tests is done:
 *
 *     node bench/litmus.ts [NUMBER OF FILES]
 *
 * Writes that many different tests (cycles of 2 to 4 threads, with and without fences, in the temporary directory), then
 * runs the command on the folder, start-up included, and the parts of it in one process: reading, running under TSO, under SC.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readLitmus } from '../src/litmus/read.ts'
import { runLitmus } from '../src/litmus/run.ts'

const wanted = Number(process.argv[2] ?? 4000)
const PLACES = 'xyzw'

/** How a thread gets from the place at which it begins to the next one. */
const EDGES = [
  ['movl $1,(A)', 'movl (B),%eax'],
  ['movl $1,(A)', 'mfence', 'movl (B),%eax'],
  ['movl $2,(A)', 'movl $1,(B)'],
  ['movl (A),%eax', 'movl (B),%ebx'],
  ['movl (A),%eax', 'movl $1,(B)'],
  ['movl $1,(A)', 'movl (A),%eax', 'movl (B),%ebx'],
  ['movl $3,%ecx', 'xchgl %ecx,(A)', 'movl (B),%eax'],
  ['movl (A),%eax', 'mfence', 'movl (B),%ebx'],
]

/** A ring of threads: number `index` of them all. */
function testOf(index: number): string {
  const threads = 2 + (index % 3)
  let rest = Math.floor(index / 3)
  const columns = Array.from({ length: threads }, (_, t) => {
    const edge = EDGES[rest % EDGES.length] as string[]
    rest = Math.floor(rest / EDGES.length)
    const [from, to] = [PLACES[t] as string, PLACES[(t + 1) % threads] as string]
    return edge.map((line) => line.replace('A', from).replace('B', to))
  })
  const rows = Array.from({ length: 4 }, (_, row) =>
    columns.map((column) => (column[row] ?? '').padEnd(16)).join(' | '),
  )
  const head = columns.map((_, t) => `P${t}`.padEnd(16)).join(' | ')
  const wanted = columns.map((_, t) => `${t}:rax=0`).join(' /\\ ')
  return `X86_64 ring${index}\n"ring of ${threads}"\nGenerator=bench/litmus.ts\n{\n}\n ${head} ;\n${rows
    .map((row) => ` ${row} ;\n`)
    .join('')}exists (${wanted} /\\ [x]=1)\n`
}

function seconds(what: string, run: () => number): void {
  const start = performance.now()
  const count = run()
  const ms = performance.now() - start
  console.log(
    `${what.padEnd(44)} ${(ms / 1000).toFixed(2).padStart(7)} s ${(ms / count).toFixed(3).padStart(8)} ms a test`,
  )
}

const folder = mkdtempSync(join(tmpdir(), 'bench-litmus-'))
try {
  for (let i = 0; i < wanted; i++) {
    const path = join(folder, String(Math.floor(i / 1000)))
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, `ring${i}.litmus`), testOf(i))
  }
  console.log(`${wanted} tests of 2, 3 and 4 threads, Node ${process.version}`)
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  for (const models of ['tso', 'tso,sc']) {
    seconds(`shootdown litmus --memory-model ${models}`, () => {
      const { status } = spawnSync(process.execPath, [main, 'litmus', folder, '--memory-model', models], {
        stdio: 'ignore',
      })
      if (status !== 0) throw new Error(`exit status ${status}`)
      return wanted
    })
  }
  const files = readdirSync(folder).flatMap((part) =>
    readdirSync(join(folder, part)).map((name) => join(folder, part, name)),
  )
  seconds('start-up: one test', () => {
    spawnSync(process.execPath, [main, 'litmus', files[0] as string], { stdio: 'ignore' })
    return 1
  })
  const tests = files.slice(0, 0)
  seconds(
    'reading',
    () => files.map((file) => tests.push(readLitmus(file, readFileSync(file, 'utf8')).name)).length,
  )
  for (const model of ['tso', 'sc'] as const) {
    const read = files.map((file) => readLitmus(file, readFileSync(file, 'utf8')))
    seconds(`running under ${model}`, () => read.map((test) => runLitmus(test, model)).length)
  }
} finally {
  rmSync(folder, { recursive: true })
}
