import type { Cell } from './cells.ts'

/** The properties that the machine checks by itself, in every scenario, and the assertions of a scenario. */
export const PROPERTIES = {
  'page-table lifetime': 'a software walker dereferences a page-table page that has been freed',
  'hardware-walk lifetime': 'a page-table page is free while some CPU can still walk into it',
  'translation coherence':
    'a frame is free, or belongs to another owner, while some CPU can still use a translation to it',
  'permission coherence':
    'an operation returns while some CPU can still use a translation outside what it promised',
  'reference validity':
    'a free frame is counted, a count underflows, or a walker returns a pin on a wrong frame',
  'table ownership': 'a software walker reads a page-table page that by then belongs to another mm',
  'lost write':
    'a replacement is installed while its source could be written since the copy, or still can be',
  progress:
    'nobody can move and not everybody is done, straight-line code does not end, or (where it is looked for) somebody ' +
    'waits or goes round for ever although everybody is treated fairly',
  interface: "a hypercall's input is malformed, or asks for less than the kernel asked of the backend",
  assertion: 'an assertion of the scenario is false',
} as const

export type Property = keyof typeof PROPERTIES

/** A property that one operation violated. */
export interface Violation {
  readonly property: Property
  /** One clause about the frame, entry or CPU concerned, without a full stop. */
  readonly message: string
  /** The cells that show it. */
  readonly cells: readonly Cell[]
}
