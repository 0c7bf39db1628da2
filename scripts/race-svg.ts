/**
 * Draws docs/race.svg: the thread's race in two columns, from the counterexample that a search of `zijlstra-diagram` finds.
 *
 *     node scripts/race-svg.ts
 *
 * The drawing shows few of the steps. Which CPU takes each, and in which order, comes from the trail; a step that is not in
 * it, in this order, is an error.
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { check, DEFAULT_OPTIONS, SCENARIOS, type TrailStep } from '../src/index.ts'

interface Line {
  /** A step of the trail: its label and what it saw. */
  readonly step: RegExp
  readonly text: string
  readonly sort?: 'host' | 'bad'
}

const LINES: readonly Line[] = [
  { step: /^cli /, text: 'cli' },
  { step: /^read PMD\[v\] T$/, text: 'read PMD[v] -> T' },
  { step: /^xchg\(PTE\[v\], none\)/, text: 'PTE[v] = none' },
  { step: /^PMD\[v\] = none/, text: 'PMD[v] = none   (unhook T)' },
  { step: /^INVLPG/, text: 'INVLPG' },
  { step: /^HvFlushVirtualAddress/, text: 'hypercall: flush the others' },
  { step: /^<kick: VM exit>/, text: 'VM exit (IF=0 does not hold it off)', sort: 'host' },
  { step: /^VM entry/, text: 'the hypercall returns' },
  { step: /^free T/, text: 'free T' },
  { step: /^flush guest TLB/, text: 'TLB flushed', sort: 'host' },
  { step: /^VM entry/, text: 'VM entry', sort: 'host' },
  { step: /^read PTE\[v\]/, text: 'read PTE[v] in T, which is free', sort: 'bad' },
]

const WIDTH = 720
const COLUMNS = [24, 384] as const
const TOP = 84
const STEP = 26

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The lines with their columns, in the order of the trail. */
function placed(steps: readonly TrailStep[]): readonly (Line & { readonly column: number })[] {
  let from = 0
  return LINES.map((line) => {
    const at = steps.findIndex(
      ({ label, observed = '' }, i) => i >= from && line.step.test(`${label} ${observed}`),
    )
    if (at < 0) throw new Error(`the trail has no step ${line.step} here`)
    from = at + 1
    return { ...line, column: steps[at]!.process }
  })
}

/** The drawing as text. */
export function raceSvg(): string {
  const scenario = SCENARIOS.find(({ name }) => name === 'zijlstra-diagram')!
  const verdict = check(scenario.build({ ...DEFAULT_OPTIONS, flush: 'hyperv' }))
  if (verdict.verdict !== 'unsafe') throw new Error(`zijlstra-diagram is ${verdict.verdict}`)
  const lines = placed(verdict.trail.steps)
  const height = TOP + lines.length * STEP + 34
  const y = (row: number) => TOP + row * STEP
  const colour = { host: '#0550ae', bad: '#cf222e', plain: '#1f2328' }
  const rows = lines.map(({ text, sort, column }, row) => {
    const weight = sort === 'bad' ? ' font-weight="bold"' : ''
    return `  <text x="${COLUMNS[column]! + 16}" y="${y(row)}" fill="${colour[sort ?? 'plain']}"${weight}>${xml(text)}</text>`
  })
  const x = COLUMNS[1] + 4
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">
  <title>A walker reads a page-table page that has been freed</title>
  <rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff" stroke="#d1d9e0"/>
  <text x="${COLUMNS[0]}" y="32" font-weight="bold">CPU0  munmap()</text>
  <text x="${COLUMNS[1]}" y="32" font-weight="bold">CPU1  gup_fast()</text>
  <line x1="${COLUMNS[0]}" y1="46" x2="${COLUMNS[1] - 40}" y2="46" stroke="#59636e"/>
  <line x1="${COLUMNS[1]}" y1="46" x2="${WIDTH - 24}" y2="46" stroke="#59636e"/>
  <line x1="${x}" y1="${y(0) - 14}" x2="${x}" y2="${y(lines.length - 1) + 6}" stroke="#1f2328" stroke-width="3"/>
${rows.join('\n')}
  <text x="${COLUMNS[0]}" y="${height - 16}" fill="#59636e" font-size="12">bar: interrupts off (IF=0)   blue: in the hypervisor   from: shootdown check zijlstra-diagram --flush hyperv</text>
</svg>
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(new URL('../docs/race.svg', import.meta.url), raceSvg())
}
