/** Instructions that invalidate or load translations: exactly what the manual says goes, never more (MACHINE 2). */
import type { Cell } from '../core/cells.ts'
import {
  type Footprint,
  type Memory,
  Operation,
  type OperationKind,
  type Removable,
} from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import { checkUsable, union, usableFootprint } from './checks.ts'
import type { VirtualAddress } from './entries.ts'
import type { Cpu } from './machine.ts'
import { madeAt } from './made.ts'
import type { Pages } from './regions.ts'
import type { AddressSpace } from './spaces.ts'

/** What one CPU's invalidations touch: also what walks through upper-level entries that go may have filled. */
function ownStale(cpu: Cpu): Footprint {
  const { translations } = cpu.machine
  return {
    reads: translations.walkFootprint([cpu]),
    writes: [cpu.reach, ...translations.staleFootprint([cpu])],
  }
}

function tlbCell(cpu: Cpu): Cell[] {
  return cpu.tlb === undefined ? [] : [cpu.tlb]
}

function flush(
  cpu: Cpu,
  parts: { kind: OperationKind; label: string; drains: boolean; site: string },
  drop: (memory: Memory, tlb: number, pcid: number) => void,
): Operation<void> {
  const { machine } = cpu
  const removable: Removable = { what: 'flush', site: `${parts.site}: ${parts.label}` }
  return new Operation<void>({
    kind: parts.kind,
    label: parts.label,
    drains: parts.drains,
    footprint: () => ownStale(cpu),
    apply: (memory) => {
      if (machine.timed) return 0
      machine.translations.settle(memory, cpu)
      drop(memory, machine.translations.tlbOf(memory, cpu), machine.cr3s.value(memory.get(cpu.cr3)).pcid)
      return 0
    },
    removable,
  })
}

/** The page of an address. */
function page(va: VirtualAddress): Pages {
  return { first: Number(va >> 12n), count: 1 }
}

/**
 * INVLPG: that address in the current PCID and global entries for it, and *all* upper-level entries of the current PCID
 * (4.10.4.1). Serialising (8.3).
 */
export function invlpg(cpu: Cpu, va: VirtualAddress, site: string): Operation<void> {
  // Without stale sets it is the same for every address.
  if (cpu.machine.timed) return cpu.invlpgs.of(site, () => invalidatePage(cpu, va, site))
  return invalidatePage(cpu, va, site)
}

function invalidatePage(cpu: Cpu, va: VirtualAddress, site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(cpu, { kind: 'invlpg', label: 'INVLPG', drains: true, site }, (memory, tlb, context) => {
    translations.dropLeaves(memory, tlb, { pages: page(va), context, global: true })
    translations.dropUppers(memory, tlb, { context })
  })
}

/** INVPCID 0: one address in one PCID, not global; only the upper-level entries that serve it. Does not drain. */
export function invpcidAddress(cpu: Cpu, pcid: number, va: VirtualAddress, site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(
    cpu,
    { kind: 'invpcid', label: `INVPCID address, PCID ${pcid}`, drains: false, site },
    (memory, tlb) => {
      translations.dropLeaves(memory, tlb, { pages: page(va), context: pcid, global: false })
      translations.dropUppers(memory, tlb, { pages: page(va), context: pcid })
    },
  )
}

/** INVPCID 1: one PCID, not global. */
export function invpcidContext(cpu: Cpu, pcid: number, site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(
    cpu,
    { kind: 'invpcid', label: `INVPCID context ${pcid}`, drains: false, site },
    (memory, tlb) => {
      translations.dropLeaves(memory, tlb, { context: pcid, global: false })
      translations.dropUppers(memory, tlb, { context: pcid })
    },
  )
}

/** INVPCID 2 (`global`) or 3: all PCIDs, with or without global entries. */
export function invpcidAll(cpu: Cpu, which: 'global' | 'non-global', site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(cpu, { kind: 'invpcid', label: 'INVPCID all', drains: false, site }, (memory, tlb) => {
    translations.dropLeaves(memory, tlb, { global: which === 'global' })
    translations.dropUppers(memory, tlb, {})
  })
}

/** CR4.PGE toggled: everything goes. Serialising. */
export function toggleCr4Pge(cpu: Cpu, site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(cpu, { kind: 'cr4', label: 'toggle CR4.PGE', drains: true, site }, (memory, tlb) => {
    translations.dropLeaves(memory, tlb, { global: true })
    translations.dropUppers(memory, tlb, {})
  })
}

/** The flush of the current PCID by reloading CR3 with what it holds (`__native_flush_tlb`). */
export function reloadCr3(cpu: Cpu, site: string): Operation<void> {
  return cpu.reloads.of(site, () => cr3Reload(cpu, site))
}

function cr3Reload(cpu: Cpu, site: string): Operation<void> {
  const { translations } = cpu.machine
  return flush(cpu, { kind: 'cr3', label: 'flush TLB', drains: true, site }, (memory, tlb, context) => {
    translations.dropLeaves(memory, tlb, { context, global: false })
    translations.dropUppers(memory, tlb, { context })
  })
}

/**
 * MOV to CR3. The PCID that is *loaded* is flushed unless bit 63 (`noFlush`) is set; what the context that is left could
 * have cached stays behind (MACHINE 1.2). Serialising.
 */
export function movCr3(
  cpu: Cpu,
  space: AddressSpace,
  pcid: number,
  mode: 'flush' | 'no-flush',
): Operation<void> {
  const { machine } = cpu
  const { translations } = machine
  const value = machine.cr3s.id({ root: space.root, pcid })
  return new Operation<void>({
    kind: 'cr3',
    label: `CR3 = ${space.name}${machine.contexts > 1 ? `, PCID ${pcid}` : ''}${mode === 'no-flush' ? ', no flush' : ''}`,
    drains: true,
    footprint: () =>
      union(usableFootprint(machine, [cpu]), {
        reads: translations.walkFootprint([cpu]),
        writes: [cpu.cr3, cpu.reach, ...translations.staleFootprint([cpu])],
      }),
    apply: (memory) => {
      const tlb = translations.tlbOf(memory, cpu)
      translations.deactivate(memory, cpu)
      if (mode === 'flush') {
        translations.dropLeaves(memory, tlb, { context: pcid, global: false })
        translations.dropUppers(memory, tlb, { context: pcid })
      }
      memory.set(cpu.cr3, value)
      checkUsable(machine, memory, cpu)
      return 0
    },
  })
}

/** Which guest translations a hypervisor drops. */
export interface GuestFlush {
  readonly [key: string]: Plain
  /** Physical address of the root whose translations go, or all address spaces. */
  readonly addressSpace: bigint | 'all'
  /** Runs of 4 KiB pages, as page numbers, or the whole space. */
  readonly spans:
    | 'all'
    | readonly { readonly [key: string]: number; readonly first: number; readonly count: number }[]
  readonly globals: 'flushed' | 'may-survive'
}

/**
 * The hypervisor drops translations of a vCPU that is not in guest mode: exactly those asked for, and the upper-level entries
 * that serve them. An address space is named by CR3 without its PCID; one that the vCPU has not loaded has nothing in its
 * current PCID.
 */
export function flushGuestTlb(cpu: Cpu, flush: GuestFlush, site: string): Operation<void> {
  return madeAt(cpu.guestFlushes, site, 64).of(flush, () => guestFlush(cpu, flush, site))
}

function guestFlush(cpu: Cpu, flush: GuestFlush, site: string): Operation<void> {
  const { machine } = cpu
  const { translations } = machine
  return new Operation<void>({
    kind: 'invpcid',
    label: flush.spans === 'all' ? 'flush guest TLB' : 'flush guest TLB, ranges',
    // Nobody can use what a vCPU holds that is not in guest mode, so whoever looks at usable translations cannot tell.
    footprint: () => ({
      reads: [cpu.guest, cpu.cr3, ...tlbCell(cpu)],
      writes: translations.staleFootprint([cpu]),
    }),
    apply: (memory) => {
      if (memory.get(cpu.guest) === 1)
        throw new RangeError(`CPU${cpu.id} is in guest mode: the host cannot flush for it`)
      const tlb = translations.tlbOf(memory, cpu)
      const { root, pcid } = machine.cr3s.value(memory.get(cpu.cr3))
      if (machine.timed) return 0
      if (flush.addressSpace !== 'all' && flush.addressSpace !== BigInt(root.pfn) << 12n) return 0
      const context = flush.addressSpace === 'all' ? {} : { context: pcid }
      const global = flush.globals === 'flushed'
      if (flush.spans === 'all') {
        translations.dropLeaves(memory, tlb, { ...context, global })
        translations.dropUppers(memory, tlb, context)
        return 0
      }
      for (const pages of flush.spans) {
        translations.dropLeaves(memory, tlb, { pages, ...context, global })
        translations.dropUppers(memory, tlb, { pages, ...context })
      }
      return 0
    },
    host: true,
    removable: { what: 'flush', site: `${site}: flush guest TLB` },
  })
}

/** What an INVLPGB asks to go, on every CPU. */
export interface BroadcastRequest {
  /** The address whose page goes; all by default. */
  readonly va?: VirtualAddress
  readonly pages?: number
  /** The PCID; all by default. */
  readonly pcid?: number
  readonly globals?: 'included'
  /** "Final translation only": upper-level entries stay. */
  readonly levels?: 'final only'
}

/**
 * INVLPGB: marks the elements that match now, on every CPU. They stay usable until the same CPU's TLBSYNC, and nothing that
 * is filled later goes with them. Does not drain.
 */
export function invlpgb(cpu: Cpu, site: string, request: BroadcastRequest = {}): Operation<void> {
  const { machine } = cpu
  const { translations } = machine
  const { va, pages = 1, pcid } = request
  const which = {
    ...(va !== undefined && { pages: { first: Number(va >> 12n), count: pages } }),
    ...(pcid !== undefined && { context: pcid }),
    global: request.globals === 'included',
    finalOnly: request.levels === 'final only',
  }
  return new Operation<void>({
    kind: 'invlpgb',
    label: 'INVLPGB',
    footprint: () => ({
      reads: translations.staleFootprint(machine.cpus),
      writes: translations.markFootprint(cpu),
    }),
    apply: (memory) => {
      translations.mark(memory, cpu, which)
      return 0
    },
    removable: { what: 'flush', site: `${site}: INVLPGB` },
  })
}

/** TLBSYNC: what this CPU's INVLPGBs have marked is gone from every CPU, and nothing else. */
export function tlbsync(cpu: Cpu, site: string): Operation<void> {
  const { machine } = cpu
  const { translations } = machine
  return new Operation<void>({
    kind: 'tlbsync',
    label: 'TLBSYNC',
    drains: true,
    footprint: () => ({
      reads: translations.walkFootprint(machine.cpus),
      writes: [...machine.cpus.map((other) => other.reach), ...translations.staleFootprint(machine.cpus)],
    }),
    apply: (memory) => {
      translations.dropMarked(memory, cpu)
      return 0
    },
    removable: { what: 'flush', site: `${site}: TLBSYNC` },
  })
}
