import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { shootdown } from './shootdown.ts'

function schema(name: string): object {
  return JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.json`, import.meta.url), 'utf8'))
}

describe('needs', () => {
  test('says what is needed and what is redundant, beside the line of code', async () => {
    const { status, stdout } = await shootdown('needs thread --free ipi-sync --no-shortest')
    expect(stdout).toMatch(/^safe as it is {2}thread: flush native, free ipi-sync/)
    const [, needed = '', redundant = ''] = stdout.split(/^needed|^redundant/m)
    expect(needed).toMatch(/irq-off +gup_fast: local_irq_save\n +page-table lifetime: .* steps\n/)
    expect(needed).toMatch(/src\/kernel\/gup\.ts:\d+ {2}const flags = yield\* localIrqSave/)
    // Each of the two waits covers for the other one.
    expect(redundant).toMatch(/wait +native_flush_tlb_others: csd_lock_wait/)
    expect(redundant).toMatch(/wait +tlb_remove_table_sync_one: csd_lock_wait/)
    expect(stdout).toMatch(/These are enough.*\n( {2}.*\n)* {2}gup_fast: local_irq_save\n/)
    expect(status).toBe(0)
  })

  test('--show prints the counterexample of one mutant, and how to see it again', async () => {
    const site = 'native_flush_tlb_others: csd_lock_wait'
    const { stdout } = await shootdown('needs thread --no-sufficient --ascii', { words: ['--show', site] })
    expect(stdout).toContain(`without ${site}\nhardware-walk lifetime: `)
    expect(stdout).toContain(' zap_pte_range()\n')
    expect(stdout).toContain(`replay:  shootdown needs thread --show '${site}'`)
  })

  test('--show of what is no site', async () => {
    const { status, stderr } = await shootdown('needs pte-lock --no-sufficient --show csd_lock_wait')
    expect(stderr).toMatch(/^shootdown: --show csd_lock_wait: not reached in this scenario/)
    expect(status).toBe(2)
  })

  test('a scenario that is unsafe as it is: exit status 1', async () => {
    const { status, stdout } = await shootdown('needs thread --flush hyperv')
    expect(stdout).toContain('What it needs cannot be asked of a scenario that is not safe as it is.')
    expect(status).toBe(1)
  })

  test('no time: unknown, and exit status 3', async () => {
    const { status } = await shootdown('needs thread --flush xen --free rcu --cpus 5 --timeout 1')
    expect(status).toBe(3)
  })

  test('--json: as the schema says', async () => {
    const { stdout } = await shootdown('needs pmd-lock --json --no-shortest')
    const document = JSON.parse(stdout)
    const ajv = new Ajv2020({ strict: false }).addSchema(schema('check'))
    const validate = ajv.compile(schema('needs'))
    validate(document)
    expect(validate.errors).toBeNull()
    expect(document.results[0].sufficient).toContain('free_pte_range: spin_lock(pmd_lock(mm))')
  })
})
