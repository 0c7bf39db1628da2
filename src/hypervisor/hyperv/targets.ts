/** From masks and sparse sets to the VPs of a partition. VPs that do not exist are dropped without a word. */
import { bitsOf } from '../../abi/bytes.ts'
import type { PartitionFacts } from './partition.ts'

/** The existing VPs of a 64-bit mask: VP n is bit n. */
export function vpsOfMask(mask: bigint, partition: PartitionFacts): number[] {
  const low = Number(BigInt.asUintN(32, mask))
  const high = Number(BigInt.asUintN(32, mask >> 32n))
  return partition.vps.filter((vp) => vp < 64 && (((vp < 32 ? low : high) >>> (vp & 31)) & 1) === 1)
}

/** The existing VPs of a sparse set. Banks that the mask announces and that are not there count as empty. */
export function vpsOfBanks(
  validBankMask: bigint,
  banks: readonly bigint[],
  partition: PartitionFacts,
): number[] {
  const low: number[] = []
  const high: number[] = []
  bitsOf(validBankMask).forEach((bank, k) => {
    const content = banks[k] ?? 0n
    low[bank] = Number(BigInt.asUintN(32, content))
    high[bank] = Number(BigInt.asUintN(32, content >> 32n))
  })
  return partition.vps.filter((vp) => {
    const half = ((vp & 32) === 0 ? low : high)[vp >> 6]
    return half !== undefined && ((half >>> (vp & 31)) & 1) === 1
  })
}

/** Whether a set names no VP at all, existing or not. */
export function namesNobody(banks: readonly bigint[]): boolean {
  return banks.every((bank) => bank === 0n)
}
