import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.ts'
import { findSidecar, flushCeiling, isPair, parseSidecar, sidecarPath } from '../../src/trace/sidecar.ts'
import { recording } from './recordings.ts'

const SINGLE = { name: 'n', workload: 'w', trace_clock: 'mono', file: 'f', kernel: 'Linux 6.1', vcpus: 4 }

describe('a sidecar', () => {
  it.each([
    ['a/NAME.trace.txt.gz', 'a/NAME.json'],
    ['a/NAME.guest.trace.txt.gz', 'a/NAME.json'],
    ['a/NAME.host.trace.txt', 'a/NAME.json'],
    ['a/linux-6.1_x.txt', 'a/linux-6.1_x.json'],
    ['trace', 'trace.json'],
  ])('of %s is %s', (file, sidecar) => {
    expect(sidecarPath(file)).toBe(sidecar)
  })

  it('is that of one recording or of a pair', async () => {
    const single = await findSidecar(recording('linux-6.12_8vcpu_rich.trace.txt.gz'))
    expect(single).toMatchObject({ vcpus: 8, workload: 'rich' })
    const pair = await findSidecar(recording('hyperv-linux-6.12_66vcpu_ex.host.trace.txt.gz'))
    expect(pair !== undefined && isPair(pair) && pair.tsc_offset).toBe(-44004613423)
    expect(flushCeiling(pair)).toBe(33)
    expect(await findSidecar('/nowhere/x.txt')).toBeUndefined()
  })

  it('may have further keys', () => {
    expect(parseSidecar(JSON.stringify({ ...SINGLE, more: [1] }), 'f')).toMatchObject({ vcpus: 4 })
  })

  it.each([
    ['{', 'not JSON'],
    ['[]', '"name"'],
    [JSON.stringify({ ...SINGLE, vcpus: 'four' }), '"vcpus"'],
    [JSON.stringify({ ...SINGLE, vcpus: 0 }), '"vcpus"'],
    [JSON.stringify({ ...SINGLE, guest: { file: 1 } }), '"guest.file"'],
  ])('that is wrong (%s) is refused with the key', (text, why) => {
    expect(() => parseSidecar(text, 'x.json')).toThrow(UsageError)
    expect(() => parseSidecar(text, 'x.json')).toThrow(`x.json: ${why}`)
  })
})
