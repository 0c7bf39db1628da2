/** Random small programs in the mini-language. */
import type { Shape } from './language.ts'

/** A small generator of pseudo-random numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function* shapes(count: number, seed: number): Iterable<Shape> {
  const random = mulberry32(seed)
  const below = (n: number) => Math.floor(random() * n)
  for (let i = 0; i < count; i++) {
    const threads = 2 + below(2)
    const longest = threads === 2 ? 4 : 3
    const text = Array.from({ length: threads }, (_, thread) => {
      let written = 0
      const steps = Array.from({ length: 1 + below(longest) }, () => {
        const place = 'xy'[below(2)] as string
        const value = thread * 3 + ++written
        switch (below(8)) {
          case 0:
            return 'F'
          case 1:
            return `xchg ${place},${value % 10}`
          case 2:
          case 3:
          case 4:
            return `R${place}`
          default:
            return `W${place}${value % 10}`
        }
      })
      return steps.join(';')
    })
    yield { name: `random${i}`, threads: text.join(' || '), final: 'x=0,y=0' }
  }
}
