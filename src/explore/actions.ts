/** Actions packed into one word, and the way to a state along them. */
import type { StateStore } from './store.ts'
import type { Action } from './verdict.ts'

export function packAction(process: number, alternative: number, choice: number): number {
  return ((process << 24) | ((alternative + 2) << 16) | choice) >>> 0
}

export function unpackAction(packed: number): Action {
  return { process: packed >>> 24, alternative: ((packed >>> 16) & 0xff) - 2, choice: packed & 0xffff }
}

/** The actions that lead to a state. */
export function pathTo(store: StateStore, index: number): Action[] {
  return pathOf(index, (at) => [store.parent(at), store.action(at)])
}

/** The same, where parent and packed action of a state are to be asked for. */
export function pathOf(
  state: number,
  originOf: (state: number) => readonly [parent: number, action: number],
): Action[] {
  const path: Action[] = []
  for (let at = state; at !== 0; ) {
    const [parent, action] = originOf(at)
    path.push(unpackAction(action))
    at = parent
  }
  return path.reverse()
}
