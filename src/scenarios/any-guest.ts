/** A guest by the name of its flush backend: with the thread's kernel, or with today's where the backend is today's. */
import { buildGuest, type Guest, type GuestOptions } from './guest.ts'
import { buildModernGuest } from './modern-guest.ts'

/** Backends that only today's TLB code has. */
export const MODERN_ONLY: readonly string[] = ['hyperv-now']

/** As `buildGuest`, for every backend that `--flush` takes. What is said of the thread's Hyper-V backend concerns no other. */
export function buildAnyGuest(options: GuestOptions): Guest {
  const { hyperv: _, ...common } = options
  return MODERN_ONLY.includes(options.flush) ? buildModernGuest(common) : buildGuest(options)
}
