/** What a scenario says of its machine. */
import type { VirtualAddress } from './entries.ts'
import type { FrameSpec } from './frame-specs.ts'

export interface MachineOptions {
  readonly cpus: number
  readonly memoryModel: 'tso' | 'sc'
  readonly levels: 4 | 5
  /** Addresses whose translations are followed. Tables have words for their indices only. */
  readonly track: readonly VirtualAddress[]
  readonly frames: readonly FrameSpec[]
  /** PCIDs (ASIDs) in use; 1 means that PCIDs are off. */
  readonly contexts?: number
  /** RCU callbacks that may be waiting at the same time; 0: no RCU. */
  readonly rcuSlots?: number
  /** Frames are copied (`copyFrame`), so that lost writes are possible and watched for. */
  readonly copies?: boolean
  /**
   * Physical TLBs, when vCPUs migrate between pCPUs. By default every vCPU has one of its own.
   */
  readonly tlbs?: number
  /** The CPUs have INVLPGB and TLBSYNC. */
  readonly invlpgb?: boolean
  /**
   * The machine runs under a clock: what only the checks need (stale sets, promises, lookups) is left out, and
   * values that pass through memory are forgotten, so that large machines run fast in constant memory. Never for verdicts.
   */
  readonly timed?: boolean
}
