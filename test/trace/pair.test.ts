import { describe, expect, it } from 'vitest'
import { afterReturn, type PairedFlush, vcpuOfThread } from '../../src/trace/pair.ts'
import { readPair } from '../../src/trace/pair-clock.ts'
import { FlushPairing } from '../../src/trace/pair-tracker.ts'
import { findSidecar, isPair } from '../../src/trace/sidecar.ts'
import { eventsOf } from './decode.ts'
import { recording } from './recordings.ts'

async function pairingOf(name: string): Promise<FlushPairing> {
  const guest = recording(`${name}.guest.trace.txt.gz`)
  const sidecar = await findSidecar(guest)
  if (sidecar === undefined || !isPair(sidecar)) throw new Error('no pair')
  const pairing = new FlushPairing(sidecar.guest_vcpus)
  await readPair(guest, recording(`${name}.host.trace.txt.gz`), sidecar.tsc_offset, pairing)
  pairing.finish()
  return pairing
}

/** What a call said, short. */
function said({ call }: PairedFlush): string {
  const { form } = call?.targets ?? {}
  return `${call?.call} ${form} flags 0x${call?.flags?.toString(16)} entries ${call?.repCount} done ${call?.done?.result.repsCompleted}`
}

describe('a pair of recordings', () => {
  it('gives for a range a list of one entry, for a full flush the space', async () => {
    const { flushes } = await pairingOf('hyperv-linux-6.12_4vcpu_munmapsub')
    const kinds = new Set(
      flushes.map((flush) => `${flush.guest.event.end === 2 ** 64 ? 'full' : 'range'}: ${said(flush)}`),
    )
    expect([...kinds].sort()).toEqual([
      'full: space mask flags 0x4 entries 0 done 0',
      'range: list mask flags 0x0 entries 1 done 1',
    ])
  })

  it('never asks for a lazy CPU on 6.12, and always for the initiator', async () => {
    const { flushes } = await pairingOf('hyperv-linux-6.12_4vcpu_munmapsub')
    for (const { guest, call } of flushes) {
      if (call?.targets?.form !== 'mask' || guest.info === undefined) throw new Error('no mask')
      expect(call.targets.mask & ~guest.info.mask).toBe(0n)
      expect((call.targets.mask >> BigInt(guest.event.at.cpu)) & 1n).toBe(1n)
    }
  })

  it('has all processors, without a mask, when every CPU is in mm_cpumask', async () => {
    const { flushes } = await pairingOf('hyperv-linux-6.1_2vcpu_munmap')
    for (const { guest, call, runs } of flushes) {
      expect(call?.targets).toEqual({ form: 'all processors' })
      expect(guest.event.ncpus).toBe(2)
      expect([...runs.keys()]).toEqual([0, 1])
      expect(call?.request?.mask).toBe('all')
    }
  })

  it('has the Ex form with banks for processors from 64 up', async () => {
    const { flushes } = await pairingOf('hyperv-linux-6.12_66vcpu_ex')
    const ex = flushes.filter(({ call }) => call?.targets?.form === 'banks')
    expect(ex.length).toBe(3547)
    const shapes = new Map<string, number>()
    for (const { call } of ex) {
      const banks = call?.targets?.form === 'banks' ? call.targets.validBankMask : 0n
      const shape = `${call?.call} banks 0x${banks.toString(16)} header ${call?.variableHeaderSize}`
      shapes.set(shape, (shapes.get(shape) ?? 0) + 1)
    }
    const lists = [...shapes]
      .filter(([shape]) => shape.startsWith('list-ex'))
      .reduce((sum, [, n]) => sum + n, 0)
    expect(lists).toBe(3380)
    expect(flushes.filter(({ call }) => call?.targets?.form === 'mask').length).toBe(24)
  })

  it('tells when each vCPU flushed: here one was halted, one descheduled', async () => {
    const { flushes } = await pairingOf('hyperv-linux-6.1_4vcpu_shfork')
    expect(flushes.length).toBe(4)
    const others = flushes.flatMap((flush) =>
      [...flush.runs.keys()]
        .filter((vcpu) => vcpu !== flush.guest.event.at.cpu)
        .map((vcpu) => afterReturn(flush, vcpu)),
    )
    expect(others).toEqual([true, true, true, true])
  })
})

const GUEST = (time: number, cpu: number) =>
  `       wl_munmap-181     [00${cpu}] ...1. ${time}: hyperv_mmu_flush_tlb_multi: ncpus 2 mm 1 addr 1000, end 2000\n`
const HOST = (time: number, vcpu: number, event: string) =>
  `       CPU ${vcpu}/KVM-18${vcpu}     [000] ..... ${time}: ${event}\n`

describe('pairing', () => {
  it('merges the orders of two flushes into one run, and knows a run that began before', () => {
    const pairing = new FlushPairing(2)
    const call = (time: number) =>
      HOST(time, 0, 'kvm_hv_hypercall: code 0x3 slow var_cnt 0x0 rep_cnt 0x1 idx 0x0 in 0x1000 out 0x0') +
      HOST(time + 1, 0, 'kvm_hv_flush_tlb: processor_mask 0x3 address_space 0x2000 flags 0x0') +
      HOST(time + 2, 0, 'reqmask: (f+0x0) req=0x328 mask=0x3') +
      HOST(time + 3, 0, 'kvm_hv_hypercall_done: result 0x100000000')
    for (const event of eventsOf(GUEST(10, 0))) pairing.guest(event)
    for (const event of eventsOf(
      HOST(11, 1, 'vflush: (f)') + call(12) + HOST(20, 1, 'vflush_ret: (f) ret=0'),
    )) {
      pairing.host(event, event.at.time)
    }
    for (const event of eventsOf(GUEST(30, 0))) pairing.guest(event)
    const rest = call(31) + HOST(40, 1, 'vflush: (f)') + HOST(41, 1, 'vflush_ret: (f) ret=-28')
    for (const event of eventsOf(rest)) pairing.host(event, event.at.time)
    pairing.finish()
    const runs = pairing.flushes.map(({ runs }) => runs.get(1))
    expect(runs[0]).toBe(runs[1])
    expect(runs[0]).toMatchObject({ start: 40, end: 41, did: 'whole TLB', orders: 2 })
    expect(pairing).toMatchObject({ runs: 2, wholeTlbRuns: 1, unexplained: [], outside: 0 })
  })

  it('keeps hypercalls apart that no flush explains', () => {
    const pairing = new FlushPairing(2)
    const call = HOST(1, 0, 'kvm_hv_hypercall: code 0x2 slow var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0x1 out 0x0')
    const take = (text: string) => {
      for (const event of eventsOf(text)) pairing.host(event, event.at.time)
    }
    take(call)
    for (const event of eventsOf(GUEST(10, 1))) pairing.guest(event)
    take(call)
    for (const event of eventsOf(GUEST(20, 1))) pairing.guest(event)
    take(call)
    pairing.finish()
    expect([pairing.unexplained.length, pairing.outside]).toEqual([1, 2])
    expect(pairing.flushes.map(({ call }) => call)).toEqual([undefined, undefined])
  })

  it.each([
    ['CPU 0/KVM', 0],
    ['CPU 65/KVM', 65],
    ['CPU 9000/KVM', undefined],
    ['qemu-system-x86', undefined],
    ['CPU 1/KVM2', undefined],
  ])('takes thread %s for vCPU %s', (comm, vcpu) => {
    expect(vcpuOfThread(comm)).toBe(vcpu)
  })
})
