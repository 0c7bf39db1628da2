import { describe, expect, test } from 'vitest'
import {
  type CpuidLeaf,
  cpumaskToVpset,
  decodeGuestOsId,
  decodeHypercallMsr,
  decodeMmuextOp,
  decodeStealTime,
  decodeUpdateVaMappingFlags,
  decodeVcpuMask,
  discoverHypercalls,
  encodeControlWord,
  encodeGvaRange,
  encodeHypercallMsr,
  encodeKvmSendIpi,
  encodeMmuextOp,
  encodeStealTime,
  HANDSHAKE_RESET,
  HYPERV_CPUID_BITS,
  hvmopFlushTlbs,
  hypercallPage,
  leafOfNames,
  leafOfVendor,
  linuxGuestOsId,
  mmuextFlushCommand,
  mmuextFlushOf,
  statusName,
  stealTimeEntry,
  stealTimePreempt,
  stealTimeSender,
  usesPvTlbFlush,
  VP_INVAL,
  vendorOfLeaf,
  writeGuestOsId,
  writeHypercallMsr,
} from '../../src/abi/index.ts'
import { UsageError } from '../../src/core/errors.ts'
import { dump } from './examples.ts'

describe('handshake', () => {
  const frame = 0x0000000001234001n
  const named = { guestOsId: linuxGuestOsId(6, 1, 0), hypercall: 0n }

  test('enable is ignored while the guest has no name', () => {
    expect(writeHypercallMsr(HANDSHAKE_RESET, frame, 46)).toEqual({
      kind: 'written',
      state: { guestOsId: 0n, hypercall: 0x1234000n },
    })
    expect(writeHypercallMsr(named, frame, 46)).toEqual({
      kind: 'written',
      state: { ...named, hypercall: frame },
    })
  })

  test('losing the name disables the page', () => {
    const write = writeGuestOsId({ ...named, hypercall: frame }, 0n)
    expect(write).toMatchObject({ state: { guestOsId: 0n, hypercall: 0x1234000n } })
  })

  test('a locked page stays, a frame beyond guest memory is #GP', () => {
    const locked = { ...named, hypercall: frame | 2n }
    expect(writeHypercallMsr(locked, 0n, 46)).toEqual({ kind: 'written', state: locked })
    expect(writeHypercallMsr(named, (1n << 46n) | 1n, 46)).toMatchObject({ kind: 'fault', vector: 'GP' })
  })

  test('frame 0x1234 enabled is 0x1234001', () => {
    expect(encodeHypercallMsr({ enable: true, locked: false, preserve: 0, frame: 0x1234 })).toBe(frame)
    expect(decodeHypercallMsr(frame)).toEqual({ enable: true, locked: false, preserve: 0, frame: 0x1234 })
  })

  test('the page holds VMCALL or VMMCALL and RET, behind a mark for Xen', () => {
    expect(hypercallPage('kvm', 'intel')).toEqual(dump('0f 01 c1 c3'))
    expect(hypercallPage('kvm', 'amd')).toEqual(dump('0f 01 d9 c3'))
    expect(hypercallPage('xen', 'intel')).toEqual(dump('0d 00 00 00 80 0f 01 c1 c3'))
    expect(hypercallPage('kvm-with-xen', 'amd')).toEqual(dump('0d 00 00 00 80 0f 01 d9 c3'))
  })

  test('Microsoft and Linux name themselves differently', () => {
    expect(decodeGuestOsId(0x8100000601000000n)).toMatchObject({
      kind: 'open-source',
      osType: 1,
      version: 0x60100,
    })
    expect(decodeGuestOsId(0x0001040a00003fabn)).toEqual({
      kind: 'proprietary',
      vendor: 1,
      os: 4,
      major: 10,
      minor: 0,
      service: 0,
      build: 0x3fab,
    })
  })
})

describe('discovery', () => {
  const leaves: Record<number, CpuidLeaf> = {
    1073741824: leafOfVendor('Microsoft Hv', 0x4000000b),
    1073741825: { eax: 0x31237648, ebx: 0, ecx: 0, edx: 0 },
    1073741827: leafOfNames(HYPERV_CPUID_BITS, 0x40000003, ['hypercallMsrs', 'vpIndex']),
  }
  const cpuid = (changes: Record<number, CpuidLeaf>) => (leaf: number) =>
    changes[leaf] ?? leaves[leaf] ?? { eax: 0, ebx: 0, ecx: 0, edx: 0 }
  const nothing = { eax: 0, ebx: 0, ecx: 0, edx: 0 }

  test('finds the interface, whatever the vendor is called', () => {
    expect(discoverHypercalls(true, cpuid({}))).toEqual({ kind: 'available', maxLeaf: 0x4000000b })
    const kvm = leafOfVendor('Linux KVM Hv', 0x40000005)
    expect(discoverHypercalls(true, cpuid({ 1073741824: kvm }))).toMatchObject({ kind: 'available' })
  })

  test.each([
    [{ 1073741824: nothing }, /below 0x40000005/],
    [{ 1073741825: nothing }, /not "Hv#1"/],
    [{ 1073741827: nothing }, /EAX\[5\]/],
    [{ 1073741827: { ...nothing, eax: 0x20 } }, /EAX\[6\]/],
  ])('does without when %j', (changes, reason) => {
    expect(discoverHypercalls(true, cpuid(changes))).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringMatching(reason),
    })
  })

  test('the vendor leaf spells 12 characters', () => {
    expect(leafOfVendor('Microsoft Hv', 0)).toMatchObject({
      ebx: 0x7263694d,
      ecx: 0x666f736f,
      edx: 0x76482074,
    })
    expect(vendorOfLeaf(leafOfVendor('Microsoft Hv', 0))).toBe('Microsoft Hv')
  })
})

describe('Xen', () => {
  test('one page is INVLPG_MULTI, anything more TLB_FLUSH_MULTI', () => {
    const mask = 0xffff888003c00000n
    expect(mmuextFlushCommand(0x1000n, 0x2000n, mask)).toEqual({
      cmd: 9,
      padding: 0,
      arg1: 0x1000n,
      arg2: mask,
    })
    expect(mmuextFlushCommand(0x1000n, 0x2001n, mask)).toMatchObject({ cmd: 8 })
    expect(mmuextFlushCommand(0n, 0xffffffffffffffffn, mask)).toMatchObject({ cmd: 8 })
  })

  test('struct mmuext_op, byte for byte', () => {
    const bytes = encodeMmuextOp({ cmd: 9, padding: 0, arg1: 0x7f0012345000n, arg2: 0xffff888003c00000n })
    expect(bytes).toEqual(
      dump('0000  09 00 00 00 00 00 00 00 00 50 34 12 00 7f 00 00', '0010  00 00 c0 03 80 88 ff ff'),
    )
    const read = decodeMmuextOp(bytes)
    expect(read.ok && mmuextFlushOf(read.value)).toEqual({
      ok: true,
      value: { what: 'page', where: 'mask', address: 0x7f0012345000n, vcpumask: 0xffff888003c00000n },
    })
  })

  test.each([
    [6, 'all', 'local'],
    [7, 'page', 'local'],
    [8, 'all', 'mask'],
    [9, 'page', 'mask'],
    [10, 'all', 'domain'],
    [11, 'page', 'domain'],
  ])('command %i flushes %s %s', (cmd, what, where) => {
    const flush = mmuextFlushOf({ cmd, padding: 0, arg1: 1n, arg2: 2n })
    expect(flush).toMatchObject({ ok: true, value: { what, where } })
  })

  test('pinning flushes nothing', () => {
    expect(mmuextFlushOf({ cmd: 3, padding: 0, arg1: 0n, arg2: 0n })).toMatchObject({
      ok: false,
      error: { code: 'unknown-command' },
    })
  })

  test('update_va_mapping: what in bits 1:0, where in the rest', () => {
    expect(decodeUpdateVaMappingFlags(5n)).toEqual({ what: 'all', where: 'domain', vcpumask: 0n })
    expect(decodeUpdateVaMappingFlags(2n)).toEqual({ what: 'page', where: 'local', vcpumask: 0n })
    expect(decodeUpdateVaMappingFlags(0x1002n)).toEqual({ what: 'page', where: 'mask', vcpumask: 0x1000n })
  })

  test('vCPUs above the maximum are ignored', () => {
    expect(decodeVcpuMask(Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0x80), 6)).toEqual({
      ok: true,
      value: [0, 1, 2, 3, 4, 5],
    })
  })

  test('HVMOP_flush_tlbs wants an HVM caller and NULL', () => {
    expect(hvmopFlushTlbs({ hvm: true, arg: 0n })).toBe(0)
    expect(hvmopFlushTlbs({ hvm: true, arg: 8n })).toBe(-22)
    expect(hvmopFlushTlbs({ hvm: false, arg: 0n })).toBe(-22)
  })
})

describe('KVM', () => {
  test('the preempted byte lies at offset 16', () => {
    const bytes = encodeStealTime({ steal: 0x1234n, version: 2, flags: 0, preempted: 3 })
    expect(bytes).toHaveLength(64)
    expect(bytes[16]).toBe(3)
    expect(decodeStealTime(bytes)).toMatchObject({ ok: true, value: { preempted: 3, steal: 0x1234n } })
  })

  test.each([
    [0, { kind: 'ipi' }],
    [1, { kind: 'swap', to: 3 }],
    [3, { kind: 'swap', to: 3 }],
    [2, { kind: 'ipi' }],
  ])('a sender that reads %i', (byte, action) => {
    expect(stealTimeSender(byte)).toEqual(action)
  })

  test('the host flushes when bit 1 is set, and does not write over a mark', () => {
    expect(stealTimeEntry(3)).toEqual({ preempted: 0, flush: true })
    expect(stealTimeEntry(1)).toEqual({ preempted: 0, flush: false })
    expect(stealTimePreempt(0)).toBe(1)
    expect(stealTimePreempt(3)).toBe(3)
  })

  test('IPIs go in clusters of 128 APIC ids', () => {
    const calls = encodeKvmSendIpi({ apicIds: [300, 5, 132, 133], icr: 0xfdn })
    expect(calls.map((c) => [c.rdx, c.rbx, c.rcx])).toEqual([
      [5n, 1n, 1n << 63n],
      [133n, 1n, 0n],
      [300n, 1n, 0n],
    ])
  })

  test('Linux uses the paravirtual flush only where vCPUs can be preempted', () => {
    const facts = { pvTlbFlush: true, stealTime: true, realtime: false, mwait: false, possibleCpus: 4 }
    expect(usesPvTlbFlush(facts)).toBe(true)
    expect(usesPvTlbFlush({ ...facts, realtime: true })).toBe(false)
    expect(usesPvTlbFlush({ ...facts, possibleCpus: 1 })).toBe(false)
  })
})

describe('the guest VP set builder', () => {
  test('an invalid VP number means a native flush', () => {
    expect(cpumaskToVpset([1, VP_INVAL], 130)).toEqual({ kind: 'invalid-vp' })
  })

  test('VP numbers beyond 64 banks give no set (0 banks in the kernel)', () => {
    expect(cpumaskToVpset([1], 4032)).toMatchObject({ kind: 'set' })
    expect(cpumaskToVpset([1], 4096)).toEqual({ kind: 'too-many-banks' })
  })

  test('interior banks are sent empty', () => {
    expect(cpumaskToVpset([0, 130], 130)).toEqual({
      kind: 'set',
      set: { format: 0n, validBankMask: 7n, banks: [1n, 0n, 4n] },
      nrBank: 3,
    })
  })

  test('bit 63 of a bank is VP 63, not a sign', () => {
    expect(cpumaskToVpset([31, 32, 63], 63)).toMatchObject({ set: { banks: [0x8000000180000000n] } })
  })
})

describe('writers', () => {
  test.each([
    ['rep count 4096 is outside', () => encodeControlWord({ callCode: 3, repCount: 4096 })],
    ['variable header size 1024', () => encodeControlWord({ callCode: 3, variableHeaderSize: 1024 })],
    ['call code -1', () => encodeControlWord({ callCode: -1 })],
    [
      'no 2M entries',
      () => encodeGvaRange({ pageSize: '2M', page: 512, additionalPages: 0, reserved: 0 }, 'legacy'),
    ],
    [
      'within 2 MiB',
      () => encodeGvaRange({ pageSize: '2M', page: 1, additionalPages: 0, reserved: 0 }, 'extended'),
    ],
  ])('name the field that does not fit: %s', (message, write) => {
    expect(write).toThrow(UsageError)
    expect(write).toThrow(message)
  })

  test('a status without a name shows its number', () => {
    expect(statusName(3)).toBe('INVALID_HYPERCALL_INPUT')
    expect(statusName(0x999)).toBe('status 0x999')
  })
})
