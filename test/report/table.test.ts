import { describe, expect, test } from 'vitest'
import { agreement, exitStatus } from '../../src/report/result.ts'
import { makeStyle, PLAIN } from '../../src/report/style.ts'
import { formatTables } from '../../src/report/table.ts'
import { formatResult } from '../../src/report/verdict-text.ts'
import { INCONCLUSIVE, result, SAFE, TABLE, UNSAFE } from './results.ts'

describe('verdict tables', () => {
  test('two options that vary are the axes', async () => {
    await expect(`${formatTables(TABLE, PLAIN)}\n`).toMatchFileSnapshot('golden/table.txt')
  })

  test('with line-drawing characters', async () => {
    await expect(`${formatTables(TABLE, makeStyle())}\n`).toMatchFileSnapshot('golden/table-unicode.txt')
  })

  test('a third option makes one table for each of its values', async () => {
    const more = TABLE.map((one) => ({ ...one, options: { ...one.options, cpus: 3 } }))
    await expect(`${formatTables([...TABLE, ...more], PLAIN)}\n`).toMatchFileSnapshot('golden/tables.txt')
  })

  test('several scenarios, one cell each, are one list', async () => {
    const several = [result(SAFE), { ...result(UNSAFE), scenario: 'boot-order' }]
    await expect(`${formatTables(several, PLAIN)}\n`).toMatchFileSnapshot('golden/list.txt')
  })
})

describe('one result in full', () => {
  test.each([
    ['safe', result(SAFE)],
    ['inconclusive', result(INCONCLUSIVE)],
    ['unsafe', result(UNSAFE, { flush: 'hyperv' }, { verdict: 'safe' })],
  ])('%s', async (name, one) => {
    const text = formatResult(one, 'shootdown check thread-table', PLAIN)
    await expect(`${text}\n`).toMatchFileSnapshot(`golden/result-${name}.txt`)
  })
})

describe('exit status', () => {
  test.each([
    [0, [result(SAFE)]],
    [1, [result(SAFE), result(INCONCLUSIVE), result(UNSAFE)]],
    [3, [result(SAFE), result(INCONCLUSIVE)]],
  ] as const)('%i for verdicts', (status, results) => {
    expect(exitStatus(results, 'verdicts')).toBe(status)
  })

  test('a documented violation is no failure of a demonstration', () => {
    expect(exitStatus([result(UNSAFE, {}, { verdict: 'unsafe' })], 'documented')).toBe(0)
    expect(exitStatus([result(UNSAFE, {}, { verdict: 'safe' })], 'documented')).toBe(1)
    expect(exitStatus([result(INCONCLUSIVE, {}, { verdict: 'safe' })], 'documented')).toBe(3)
  })

  test('another property than the documented one is not as documented', () => {
    expect(agreement(result(UNSAFE, {}, { verdict: 'unsafe', property: 'progress' }))).toBe(
      'not as documented',
    )
  })
})
