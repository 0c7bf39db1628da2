import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CheckedRecording, checkPair, checkRecording } from '../../src/trace/check/check-recording.ts'
import { PairChecker } from '../../src/trace/check/pair-check.ts'
import { outcomesOf, pairTotals } from '../../src/trace/check/pair-outcome.ts'
import { readPair } from '../../src/trace/pair-clock.ts'
import { findSidecar, isPair } from '../../src/trace/sidecar.ts'
import { allRecordings, recording } from './recordings.ts'

/** Guests' and bare recordings; a guest of Hyper-V together with its host. */
const FILES = allRecordings().filter((file) => !file.includes('.host.'))

function check(file: string): Promise<CheckedRecording> {
  const host = file.replace('.guest.', '.host.')
  return basename(file).startsWith('hyperv') && host !== file && existsSync(host)
    ? checkPair(file, host)
    : checkRecording(file)
}

describe.each(FILES.map((file) => [basename(file), file] as const))('%s', (_, file) => {
  it('has no decision that is unexplained', async () => {
    const { findings, hasProbes } = await check(file)
    expect(findings.disagreements.filter(({ standing }) => standing === 'unexplained')).toEqual([])
    if (!hasProbes) return
    expect(findings.checked).toBeGreaterThan(100)
    // Races and lost events are rare, or they would explain anything.
    expect(findings.total('race') + findings.total('lost')).toBeLessThan(findings.checked / 200)
  }, 120_000)
})

async function pairOf(name: string, kernel?: string): Promise<PairChecker> {
  const guest = recording(`${name}.guest.trace.txt.gz`)
  const sidecar = await findSidecar(guest)
  if (sidecar === undefined || !isPair(sidecar)) throw new Error('no pair')
  const pair = new PairChecker({
    ceiling: 33,
    vcpus: sidecar.guest_vcpus,
    kernel: kernel ?? sidecar.guest_kernel,
  })
  await readPair(guest, recording(`${name}.host.trace.txt.gz`), sidecar.tsc_offset, pair)
  pair.finish()
  return pair
}

describe('a pair', () => {
  it('predicts every hypercall, Ex banks included', async () => {
    const { checker, flushes } = await pairOf('hyperv-linux-6.12_66vcpu_ex')
    const { findings } = checker
    const predicted = findings.count('hypercall', 'agreed') + findings.count('hypercall', 'race')
    // Of the first three it is not known yet whether a CPU is lazy.
    expect([flushes.size, predicted, findings.count('hypercall', 'unchecked')]).toEqual([3571, 3568, 3])
  })

  it('does not, with the rules of a kernel that has no lazy filter', async () => {
    const { checker } = await pairOf('hyperv-linux-6.12_4vcpu_munmapsub', 'Linux 6.1.0')
    expect(checker.findings.count('hypercall', 'unexplained')).toBeGreaterThan(1000)
  })

  it('tells for each vCPU when it flushed, and what merged', async () => {
    const pair = await pairOf('hyperv-linux-6.12_4vcpu_munmapsub')
    const totals = pairTotals(pair)
    expect(totals.before + totals.after + totals.open).toBe(totals.orders)
    expect(totals.merged).toBeGreaterThan(0)
    expect(totals.overflowed).toBeGreaterThan(0)
    const [first] = pair.flushes.values()
    expect(outcomesOf(first!).length).toBeGreaterThan(0)
  })
})
