import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type BenchFlags, benchPlan } from '../../src/cli/bench-options.ts'
import { refuseUnwritable } from '../../src/cli/output-file.ts'
import { UsageError } from '../../src/core/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-options-'))
afterAll(() => rmSync(directory, { recursive: true }))

const PLAIN: BenchFlags = { runs: '1', seed: '1', profile: 'tlfs' }

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    const { message } = error as UsageError
    expect(message.split('\n')).toHaveLength(1)
    return message
  }
  return 'taken'
}

describe('what bench is asked for', () => {
  it.each([
    [{ flush: 'native,' }, '--flush native,: a value is missing'],
    [{ flush: 'hyper' }, '--flush hyper: unknown (did you mean hyperv?)'],
    [{ free: 'now' }, '--free now: unknown'],
    [{ pcpus: '0' }, '--pcpus 0: must be a whole number from 1 to 4096'],
    [{ pcpus: '1e9' }, '--pcpus 1e9: must be a whole number'],
    [{ vcpus: '2000' }, '--vcpus 2000: must be a whole number from 1 to 1024'],
    [{ vms: '' }, '--vms : a value is missing'],
    [{ runs: '1e9' }, '--runs 1e9: must be a whole number'],
    [{ seed: '-1' }, '--seed -1: must be a whole number'],
    [{ ms: '0' }, '--ms 0: must be a number of at least 0.1'],
    [{ slice: '0' }, '--slice 0: must be a number of at least 10'],
    [{ idle: '1' }, '--idle 1: must be a number from 0 to 0.99'],
    [{ walkers: '2' }, '--walkers 2: must be a number from 0 to 1'],
    [{ apic: 'x2' }, '--apic x2: unknown; known: xapic'],
    [{ boost: 'me' }, '--boost me: unknown'],
    [{ costModel: 'skylak' }, '--cost-model skylak: unknown (did you mean skylake?)'],
    [{ pvIpi: 'maybe' }, '--pv-ipi maybe: must be on or off'],
    [{ profile: 'tlf' }, '--profile tlf: unknown'],
    [{ virtual: 'off', flush: 'hyperv' }, "--flush hyperv: is a hypervisor's"],
    [{ virtual: 'off', vms: '2' }, 'bare metal'],
    [{ virtual: 'off', hogs: '1' }, 'bare metal'],
    [{ threads: '9', pcpus: '8' }, '--threads 9: the machine has 8 CPUs; --pcpus 9 gives it more'],
    [{ threads: '9', vms: '2' }, '--threads 9: the machine has 4 CPUs; --vcpus 9 gives it more'],
    [{ targets: '4' }, '--targets 4: the machine has 4 CPUs, and who sends is no target; --pcpus 5'],
    [{ smt: '9' }, '--smt 9: must be a whole number from 1 to 8'],
    [{ sockets: '5' }, '"sockets": 5 for 4 pCPUs'],
    [{ costs: 'exitt=2' }, '--costs exitt: unknown (did you mean exit?)'],
    [{ costs: 'exit' }, '--costs exit: must be NAME=VALUE'],
    [{ costs: 'exit=-1' }, '--costs exit -1: must be a number of at least 0'],
    [{ ceiling: '1.5' }, '--ceiling 1.5: must be a whole number of at least 0'],
    [{ hogs: '-1' }, '--hogs -1: must be a whole number from 0 to 1024'],
    [{ machine: '/no/such/file' }, '--machine /no/such/file: ENOENT'],
  ])('%j is refused', (flags, message) => {
    expect(refusal(() => benchPlan({ ...PLAIN, ...flags } as BenchFlags))).toContain(message)
  })

  it.each([
    ['{', "Expected property name or '}'"],
    ['[]', 'must be one JSON object'],
    ['{"pcpu": 3}', '"pcpu"'],
    ['{"slice": 0}', '"slice"'],
    ['{"costModel": "skylak"}', '"costModel" skylak: unknown (did you mean skylake?)'],
    ['{"costs": {"exitt": 1}}', '"costs" exitt: unknown (did you mean exit?)'],
    ['{"costs": {"exit": "long"}}', '"costs.exit"'],
    ['{"workload": {"pages": -1}}', '"workload.pages" -1: must be a whole number of at least 1'],
    ['{"workload": {"mmapLock": "x"}}', '"workload.mmapLock" x: unknown; known: write, downgrade, none'],
    ['{"workload": {"lru": 1}}', '"workload.lru" must be a boolean'],
  ])('a machine file with %s is refused', (text, message) => {
    const machine = join(directory, 'machine.json')
    writeFileSync(machine, text)
    expect(refusal(() => benchPlan({ ...PLAIN, machine }))).toContain(message)
  })

  it('puts costs of options over those of the file', () => {
    const machine = join(directory, 'costs.json')
    writeFileSync(machine, '{"costs": {"exit": 1, "icr": 2}}')
    const { arms } = benchPlan({ ...PLAIN, machine, costs: 'exit=3' })
    expect(arms[0]!.host.costs).toEqual({ exit: 3, icr: 2 })
  })

  it('makes an arm of each combination', () => {
    const { arms, seeds } = benchPlan({
      ...PLAIN,
      runs: '2',
      flush: 'native,kvm',
      free: 'rcu,boot',
      vms: '1,2',
    })
    expect(arms).toHaveLength(8)
    expect(seeds).toEqual([1, 1001])
  })
  it('compares lists of settings with the first, and gives each size a place of its own', () => {
    const { arms } = benchPlan({
      ...PLAIN,
      pcpus: '16',
      threads: '4,16',
      pvIpi: 'off,on',
      boost: 'none,yield',
      virtual: 'on',
    })
    expect(arms.map(({ place, label }) => `${place}: ${label}`)).toEqual(
      ['4', '16'].flatMap((threads) =>
        [
          'pv-ipi off, boost none',
          'pv-ipi off, boost yield',
          'pv-ipi on, boost none',
          'pv-ipi on, boost yield',
        ].map((label) => `16 pCPUs, 1 VM x 16 vCPUs, ${threads} threads: ${label}`),
      ),
    )
    expect(arms[3]!.host).toMatchObject({ pvIpi: true, boost: 'yield' })
    expect(arms[7]!.knobs).toEqual({ threads: 16 })
    expect(arms[7]!.sizes).toEqual({ threads: 16 })
  })

  it('refuses what is wrong anywhere in a list', () => {
    expect(refusal(() => benchPlan({ ...PLAIN, pti: 'off,maybe' }))).toContain(
      '--pti maybe: must be on or off',
    )
    expect(refusal(() => benchPlan({ ...PLAIN, threads: '2,8' }))).toContain(
      '--threads 8: the machine has 4 CPUs',
    )
    expect(refusal(() => benchPlan({ ...PLAIN, slice: '100,' }))).toContain('a value is missing')
  })
})

it('files that cannot be written are refused before the work', () => {
  expect(refusal(() => refuseUnwritable('/no/such/directory/a.svg', '--plot'))).toContain('--plot')
  expect(refusal(() => refuseUnwritable(directory, '--plot'))).toContain('is a directory')
  expect(refusal(() => refuseUnwritable(join(directory, 'new.svg'), '--plot'))).toBe('taken')
})
