/**
 * Writes docs/mutants.md from real runs: every mutant of every protocol at 2 CPUs. Takes some minutes.
 *
 *     npm run mutants
 */
import { writeFileSync } from 'node:fs'
import { caseName, MUTANT_CASES, type Mutant, type MutantCase, mutantsOf } from './mutant-cases.ts'
import { reasonFor } from './mutant-reasons.ts'

const HEAD = `# Mutants: what each protocol cannot do without

Every barrier, flush, IPI, wait, interrupts-off region, lock and grace period of each protocol is left out in turn, at 2 CPUs,
TSO, 4 levels, and the scenario is checked again: a mutant is *caught* when a property is lost (with the steps of a shortest
counterexample), and *harmless* when a complete search without it is safe. A lock goes with its unlock. Why each harmless one is
rightly so is said beside it; where the scenario is merely too small for it, another one is named in which it is caught.

\`npm run mutants\` writes this file; \`test/explore/mutants.test.ts\` recomputes the verdicts and compares. For one scenario,
with lines of code, counterexamples and a smallest set that is enough: \`shootdown needs\` ([cli.md](cli.md)).
`

function row(which: MutantCase, { site, without }: Mutant): string {
  const cells = (verdict: string, why: string) => `| ${site.what} | ${site.site} | ${verdict} | ${why} |`
  switch (without.verdict) {
    case 'unsafe':
      return cells('caught', `${without.property}, ${without.trail.steps.length} steps`)
    case 'safe':
      return cells('harmless', reasonFor(which, site.site) ?? 'NOT EXPLAINED')
    case 'inconclusive':
      return cells('unknown', without.reason)
  }
}

const sections: string[] = []
let caught = 0
let all = 0
for (const which of MUTANT_CASES) {
  const mutants = mutantsOf(which, { shortest: true })
  caught += mutants.filter(({ without }) => without.verdict === 'unsafe').length
  all += mutants.length
  sections.push(
    [
      `## ${caseName(which)}`,
      '',
      '| what | site | without it | what is lost, or why nothing is |',
      '| --- | --- | --- | --- |',
      ...mutants.map((mutant) => row(which, mutant)),
      '',
    ].join('\n'),
  )
  process.stderr.write(`${caseName(which)}\n`)
}
const summary = `${all} mutants of ${MUTANT_CASES.length} scenarios: ${caught} caught, ${all - caught} harmless.\n`
const file = new URL('../docs/mutants.md', import.meta.url)
writeFileSync(file, [HEAD, summary, ...sections].join('\n'))
