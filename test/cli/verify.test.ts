import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { shootdown } from './shootdown.ts'

test('a certificate is written, confirmed, and refused when it was changed', async ({ onTestFinished }) => {
  const cwd = mkdtempSync(join(tmpdir(), 'shootdown-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const checked = await shootdown('check thread --certificate good.cert', { cwd })
  expect(checked.status).toBe(0)
  const confirmed = await shootdown('verify good.cert', { cwd })
  expect(confirmed.status).toBe(0)
  expect(confirmed.stdout).toMatch(/^good.cert: confirmed: thread is safe\n/)
  expect(confirmed.stdout).toContain('also explored without reduction')

  const data = readFileSync(join(cwd, 'good.cert'))
  writeFileSync(join(cwd, 'bad.cert'), data.subarray(0, data.length - 20))
  const refused = await shootdown('verify bad.cert good.cert', { cwd })
  expect(refused.status).toBe(1)
  expect(refused.stdout).toMatch(/^bad.cert: refused: /)
  expect(refused.stdout).toContain('good.cert: confirmed')
})

test('there is no certificate of an unsafe scenario, nor of a table', async ({ onTestFinished }) => {
  const cwd = mkdtempSync(join(tmpdir(), 'shootdown-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  expect((await shootdown('check thread --flush hyperv --certificate it.cert', { cwd })).status).toBe(1)
  expect((await shootdown('verify it.cert', { cwd })).status).toBe(2)
  const table = await shootdown('check thread --flush native,xen --certificate it.cert', { cwd })
  expect(table.status).toBe(2)
  expect(table.stderr).toContain('one scenario with one set of options')
})

test('a scenario with loops and a question of progress: its safety is confirmed, and that this is not all is said', async ({
  onTestFinished,
}) => {
  const cwd = mkdtempSync(join(tmpdir(), 'shootdown-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const checked = await shootdown('check spin-irqs-on --certificate it.cert', { cwd })
  expect(checked.stdout).toMatch(/\ncertificate: it\.cert; .* confirms it; of livelock it says nothing\n$/)
  const confirmed = await shootdown('verify it.cert', { cwd })
  expect(confirmed.stdout).toMatch(/^it\.cert: confirmed: spin-irqs-on is safe\n/)
  expect(confirmed.stdout).toContain('cycles: in each state something is expanded later')
})
