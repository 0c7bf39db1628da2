import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, shootdown } from './shootdown.ts'

const file = (name: string) => join(ROOT, 'test/trace/recordings', name)

describe('shootdown trace check', () => {
  it('ends with status 0 and a table when nothing is unexplained', async () => {
    const { status, stdout: out } = await shootdown(
      `trace check ${file('linux-6.12_8vcpu_rich.trace.txt.gz')}`,
    )
    expect(status).toBe(0)
    expect(out).toContain('CPUs interrupted')
    expect(out).toContain('shootdown check trace-race-')
    expect(out).toContain('none is unexplained')
  })

  it('ends with status 1 when something is', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'trace-check-')), 'wrong.txt')
    writeFileSync(path, ' a-10 [000] d..1. 1.000001: tlb_flush: pages:34 reason:remote shootdown (1)\n')
    const { status, stdout: out } = await shootdown(`trace check ${path}`)
    expect(status).toBe(1)
    expect(out).toContain('line 1: full or ranged on CPU 0: unexplained')
  })

  it('refuses to list flushes without a host', async () => {
    const { status, stderr } = await shootdown(
      `trace check --flushes ${file('linux-6.12_8vcpu_rich.trace.txt.gz')}`,
    )
    expect(status).toBe(2)
    expect(stderr).toContain('--host')
  })

  it('gives a pair as JSON, flush by flush', async () => {
    const name = 'hyperv-linux-6.1_4vcpu_shfork'
    const [guest, host] = ['guest', 'host'].map((side) => file(`${name}.${side}.trace.txt.gz`))
    const { status, stdout: out } = await shootdown(`trace check --json --host ${host} ${guest}`)
    expect(status).toBe(0)
    const document = JSON.parse(out) as { schema: string; recordings: { pair: { flushes: object[] } }[] }
    expect(document.schema).toBe('shootdown-trace-check/1')
    expect(document.recordings[0]!.pair.flushes.length).toBe(4)
    expect(document.recordings[0]!.pair.flushes[0]).toMatchObject({
      call: { form: 'mask', entries: 0 },
      vcpus: expect.arrayContaining([expect.objectContaining({ merged: 1 })]),
    })
  })
})
