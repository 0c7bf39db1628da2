import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'bench-test-'))
afterAll(() => rmSync(directory, { recursive: true }))

function shootdown(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  return { status, stdout, stderr }
}

const QUICK = ['--ms', '1', '--runs', '2', '--pcpus', '2']

describe('shootdown bench', () => {
  it('puts arms side by side with their ratio and where the time went', () => {
    const { status, stdout } = shootdown(
      'bench',
      'munmap-storm',
      '--flush',
      'native,hyperv',
      ...QUICK,
      '--ascii',
    )
    expect(status).toBe(0)
    expect(stdout).toContain('2 pCPUs, 1 VM x 2 vCPUs')
    expect(stdout).toMatch(/native, rcu .*1\.00/)
    expect(stdout).toMatch(/hyperv, rcu .*\+-/)
    expect(stdout).toContain('where the time went, %')
  })

  it('prints one JSON document, an SVG and a Perfetto trace', () => {
    const svg = join(directory, 'a.svg')
    const trace = join(directory, 'a.json')
    const { stdout } = shootdown('bench', 'ipi', ...QUICK, '--json', '--plot', svg, '--perfetto', trace)
    const document = JSON.parse(stdout)
    expect(document.schema).toBe('shootdown-bench/1')
    expect(document.arms[0].runs).toHaveLength(2)
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg/)
    const events: { ph: string }[] = JSON.parse(readFileSync(trace, 'utf8')).traceEvents
    expect(events.some(({ ph }) => ph === 's') && events.some(({ ph }) => ph === 'f')).toBe(true)
  })

  it("prints kernbench's tables in two columns", () => {
    const { stdout } = shootdown(
      'bench',
      'kernbench',
      '--pcpus',
      '6',
      '--free',
      'immediate,rcu',
      '--ms',
      '50',
      '--runs',
      '1',
    )
    expect(stdout).toMatch(/Average Half load -j 3 Run \(std deviation\):\nCURRENT +HAVE_RCU_TABLE_FREE\n/)
    // 50 milliseconds of the engine say little: a percent or so is noise.
    expect(stdout).toMatch(/Elapsed Time 40\d\S* \(\S+\) +Elapsed Time (39|40)\d/)
  })

  it('takes a machine from a file, and names what is wrong in it', () => {
    const file = join(directory, 'machine.json')
    writeFileSync(file, JSON.stringify({ pcpus: 2, vms: 2, vcpus: 2, workload: { pages: 2 } }))
    expect(
      shootdown('bench', 'munmap-storm', '--machine', file, '--ms', '1', '--runs', '1').stdout,
    ).toContain('2 VMs x 2 vCPUs')
    writeFileSync(file, JSON.stringify({ workload: { page: 2 } }))
    const wrong = shootdown('bench', 'munmap-storm', '--machine', file)
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toMatch(/^shootdown: .*"workload\.page".*\n$/)
  })

  it('answers bad input in one line with status 2', () => {
    for (const args of [
      ['nothing'],
      ['ipi', '--flush', 'hyper'],
      ['ipi', '--pv-ipi', 'yes'],
      ['ipi', '--pcpus', '0'],
      ['ipi', '--walkers', '0.5'],
      ['ipi', '-n', '3'],
      ['kernbench', '--ms', '0.2', '--runs', '1'],
      ['ipi', '--targets', '0'],
      ['reclaim', '--lazy-mask', 'on', '--pcpus', '2', '--runs', '1'],
      ['examples/lazy-tlb.ts', '--threads', '2'],
      ['examples/lazy-tlb.ts', '--plot', join(directory, 'none.svg')],
    ]) {
      const { status, stderr } = shootdown('bench', ...args)
      expect(status).toBe(2)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
  })
})

it('shootdown validate shows every row that it is asked for, good or bad', () => {
  const { status, stdout } = shootdown('validate', 'VS-08', 'VS-13', '--runs', '1', '--ascii')
  expect(status).toBe(0)
  expect(stdout).toMatch(/VS-08 +broadcast +1\.226/)
  expect(stdout).toMatch(/VS-13 +user time +0\.994/)
  expect(stdout).toMatch(/\d of 4 ratios are within/)
})
