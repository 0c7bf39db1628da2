/** "Did you mean": the known name that is nearest to an unknown one. */
import { closest, distance } from 'fastest-levenshtein'

/** ` (did you mean hyperv?)`, or nothing when no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return ''
  const lower = name.toLowerCase()
  const begins = known.find((candidate) => lower.length >= 3 && candidate.startsWith(lower))
  const best = begins ?? closest(lower, [...known])
  const near = begins !== undefined || distance(lower, best) <= Math.max(2, Math.floor(best.length / 2))
  return near ? ` (did you mean ${best}?)` : ''
}
