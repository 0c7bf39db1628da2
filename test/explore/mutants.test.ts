import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { caseName, MUTANT_CASES, mutantsOf } from '../../scripts/mutant-cases.ts'
import { reasonFor } from '../../scripts/mutant-reasons.ts'

/** Verdicts of docs/mutants.md, by case and site. */
function documented(): Map<string, Map<string, string>> {
  const text = readFileSync(new URL('../../docs/mutants.md', import.meta.url), 'utf8')
  return new Map(
    text
      .split('\n## ')
      .slice(1)
      .map((section) => {
        const rows = [...section.matchAll(/^\| [\w-]+ \| ([^|]+) \| (caught|harmless|unknown) \|/gm)]
        return [section.split('\n')[0] ?? '', new Map(rows.map((row) => [row[1] ?? '', row[2] ?? '']))]
      }),
  )
}

const WORDS = { unsafe: 'caught', safe: 'harmless', inconclusive: 'unknown' } as const

describe('docs/mutants.md says what the explorer says, and why each harmless mutant is rightly so', () => {
  const table = documented()

  test('it has the cases, and no others', () => {
    expect([...table.keys()]).toEqual(MUTANT_CASES.map(caseName))
  })

  test.each(MUTANT_CASES.map((which) => ({ name: caseName(which), which })))(
    '$name',
    ({ name, which }) => {
      const mutants = mutantsOf(which, { shortest: false })
      const verdicts = new Map(mutants.map(({ site, without }) => [site.site, WORDS[without.verdict]]))
      expect(verdicts).toEqual(table.get(name))
      const unexplained = mutants.filter(
        ({ site, without }) => without.verdict === 'safe' && reasonFor(which, site.site) === undefined,
      )
      expect(unexplained.map(({ site }) => site.site)).toEqual([])
    },
    60_000,
  )

  test('a mutant that any kernel engineer would call broken is caught somewhere', () => {
    const caught = new Set(
      [...table.values()].flatMap((sites) => [...sites].filter(([, v]) => v === 'caught').map(([s]) => s)),
    )
    for (const site of [
      'flush_tlb_mm_range: inc_mm_tlb_gen',
      'flush_tlb_func: INVLPG',
      'native_flush_tlb_others: send IPI',
      'native_flush_tlb_others: csd_lock_wait',
      'vcpu_enter_guest: smp_store_mb',
      'hyperv_flush_tlb_others: local_irq_save',
      'gup_fast: local_irq_save',
      'tlb_table_flush: call_rcu',
      'rcu_walk: rcu_read_lock',
      'tlb_remove_table_sync_one: csd_lock_wait',
      'free_pte_range: spin_lock(pmd_lock(mm))',
      'zap_pte_range: spin_lock(ptl(mm))',
      'record_steal_time: flush guest TLB',
      'switch_mm: local_irq_save',
    ])
      expect(caught).toContain(site)
  })
})
