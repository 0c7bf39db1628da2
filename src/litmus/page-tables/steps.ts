/** Programs over virtual pages: accesses, changes of mappings, INVLPG. A notation for the shapes of enhanced litmus tests. */

/** `u`, `v`, `w`: pages. Each begins mapped to the frame `U`, `V` or `W`. */
export type Page = 'u' | 'v' | 'w'

/** Frames; `N` is a new one that nothing maps at first. */
export type FrameName = 'U' | 'V' | 'W' | 'N'

export type Step =
  | {
      readonly is: 'read' | 'write'
      readonly page: Page
      /** Of a write. */
      readonly value: number
      /** The access walks the page tables; otherwise it may use any translation that its CPU may hold. */
      readonly walks: boolean
      /** A write sets D in the entry that maps the page. */
      readonly dirties: boolean
    }
  | { readonly is: 'remap'; readonly page: Page; readonly to: FrameName }
  /** INVLPG; `remote`: it answers the IPI of the CPU that changed the mapping. */
  | { readonly is: 'invlpg'; readonly page: Page; readonly remote: boolean }
  | { readonly is: 'ipi' }

/**
 * Parses threads between `||`:
 *
 * | text | meaning |
 * | --- | --- |
 * | `Rv`, `Wv1` | read page v; write 1 to it |
 * | `Rv*`, `Wv1*` | the same, and the access walks |
 * | `Wv1!`, `Wv1*!` | the write sets the dirty bit |
 * | `v=N` | the entry of v maps the frame N from now on |
 * | `Iv`, `Jv` | INVLPG of v; the same on another CPU, for an IPI |
 * | `S` | the IPI to the others |
 */
export function parseSteps(text: string): Step[][] {
  return text.split('||').map((thread) => thread.split(';').map((step) => parseStep(step.trim())))
}

function parseStep(text: string): Step {
  if (text === 'S') return { is: 'ipi' }
  const remap = /^(?<page>[uvw])=(?<to>[UVWN])$/.exec(text)?.groups
  if (remap !== undefined) return { is: 'remap', page: remap.page as Page, to: remap.to as FrameName }
  const flush = /^(?<how>[IJ])(?<page>[uvw])$/.exec(text)?.groups
  if (flush !== undefined) return { is: 'invlpg', page: flush.page as Page, remote: flush.how === 'J' }
  const access = /^(?<how>[RW])(?<page>[uvw])(?<value>\d?)(?<walks>\*?)(?<dirties>!?)$/.exec(text)?.groups
  if (access === undefined) throw new RangeError(`what is the step ${text}?`)
  return {
    is: access.how === 'R' ? 'read' : 'write',
    page: access.page as Page,
    value: Number(access.value),
    walks: access.walks === '*',
    dirties: access.dirties === '!',
  }
}

/** What one access has met: the frame that its translation led to, and for a read the value. */
export interface Access {
  readonly [key: string]: string | number
  readonly frame: FrameName | 'fault'
  readonly value: number
}

/** The accesses of every thread, in program order. */
export type Outcome = readonly (readonly Access[])[]
