/**
 * The judge of the executions: a machine of its own, as plainly as can be, that shares nothing with the sources. Every
 * interleaving is followed; a write knows who wrote it, so that reads-from and coherence are there at the end.
 */
import type { Shape } from './language.ts'

interface Write {
  readonly by: string
  readonly value: number
}

interface State {
  readonly at: readonly number[]
  readonly buffers: readonly (readonly { readonly place: string; readonly write: Write }[])[]
  /** Coherence order so far, the initial write first. */
  readonly memory: Readonly<Record<string, readonly Write[]>>
  readonly reads: readonly (readonly Write[])[]
}

const REGISTERS = ['rax', 'rbx', 'rcx', 'rdx']

export function enumerate({ threads: text }: Shape, model: 'sc' | 'tso') {
  const threads = text.split('||').map((part) => part.split(';').map((step) => step.trim()))
  const executions = new Set<string>()
  const outcomes = new Set<string>()
  const seen = new Set<string>()
  const initial: Write = { by: 'init', value: 0 }
  const stack: State[] = [
    {
      at: threads.map(() => 0),
      buffers: threads.map(() => []),
      memory: { x: [initial], y: [initial] },
      reads: threads.map(() => []),
    },
  ]
  const replaced = <T>(list: readonly T[], i: number, value: T) =>
    list.map((old, j) => (j === i ? value : old))
  const newest = (state: State, place: string) => (state.memory[place] as readonly Write[]).at(-1) as Write
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    const key = JSON.stringify(state)
    if (seen.has(key)) continue
    seen.add(key)
    const { at, buffers, memory, reads } = state
    let moved = false
    for (const [t, steps] of threads.entries()) {
      const buffer = buffers[t] as State['buffers'][number]
      const [oldest, ...younger] = buffer
      if (oldest !== undefined) {
        moved = true
        const { place, write } = oldest
        stack.push({
          ...state,
          buffers: replaced(buffers, t, younger),
          memory: { ...memory, [place]: [...(memory[place] as readonly Write[]), write] },
        })
      }
      const i = at[t] as number
      const step = steps[i]
      if (step === undefined) continue
      const next = { ...state, at: replaced(at, t, i + 1) }
      const locked = step === 'F' || step.startsWith('xchg')
      if (locked && buffer.length > 0) continue
      moved = true
      const place = step.startsWith('xchg') ? (step[5] as string) : (step[1] as string)
      const write = { by: `${t}.${i}`, value: Number(step.at(-1)) }
      if (step === 'F') stack.push(next)
      else if (step.startsWith('R')) {
        const own = buffer.findLast((entry) => entry.place === place)?.write
        stack.push({
          ...next,
          reads: replaced(reads, t, [...(reads[t] as readonly Write[]), own ?? newest(state, place)]),
        })
      } else if (step.startsWith('xchg') || model === 'sc') {
        const read = step.startsWith('xchg') ? [newest(state, place)] : []
        stack.push({
          ...next,
          memory: { ...memory, [place]: [...(memory[place] as readonly Write[]), write] },
          reads: replaced(reads, t, [...(reads[t] as readonly Write[]), ...read]),
        })
      } else stack.push({ ...next, buffers: replaced(buffers, t, [...buffer, { place, write }]) })
    }
    if (moved) continue
    executions.add(JSON.stringify([memory, reads]))
    const registers = reads.flatMap((list, t) => list.map(({ value }, i) => `${t}:${REGISTERS[i]}=${value}`))
    outcomes.add(
      [...registers, ...['x', 'y'].map((place) => `[${place}]=${newest(state, place).value}`)].join(' '),
    )
  }
  return { executions: executions.size, outcomes }
}
