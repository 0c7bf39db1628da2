/** Below the diagram of a lasso: who is left behind for ever, and why fairness does not help. */
import type { Lasso, Starving } from '../explore/verdict.ts'
import { kernelName } from './kernel-name.ts'
import type { Style } from './style.ts'
import { wrap } from './wrap.ts'

const FAIR =
  'Fairness does not help. In every round whoever can go on does, stores reach memory, interrupts that were sent are taken where ' +
  'they can be, and locks are handed on.'

function all(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function why({ process, how, at, fn, cells, writers }: Starving): string {
  const place = `${process} waits in ${kernelName(fn)}() at "${at}"`
  switch (how) {
    case 'goes-round':
      return `${process} goes round, and comes back to ${kernelName(fn)}() at "${at}".`
    case 'missed':
      return `${place}. It could go on now and then, and need not look just then.`
    case 'blocked':
      if (cells.length === 0) return `${place}.`
      return writers.length === 0
        ? `${place}. It looks at ${all(cells)}, which no step that is repeated writes.`
        : `${place}. ${all(writers)} ${writers.length === 1 ? 'writes' : 'write'} what it looks at, and never what it waits for.`
  }
}

export function lassoLines({ starving }: Lasso, style: Style): readonly string[] {
  // Those that wait come first: they are the point.
  const waiting = starving.filter(({ how }) => how !== 'goes-round')
  const rest = starving.filter(({ how }) => how === 'goes-round')
  const lines = [...waiting, ...rest].map(why)
  return ['', ...[...lines, FAIR].flatMap((text) => wrap(text, style.width))]
}
