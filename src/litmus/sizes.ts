/**
 * Which parts of locations are accessed. Every access is of a location as a whole, as in herd without its variant `mixed`; a store of
 * a part that somebody else sees beside the rest would be something else, and is refused.
 */
import type { Places } from './places.ts'
import type { Width } from './registers.ts'

interface Access {
  readonly text: string
  readonly width: Width
}

export class Sizes {
  private readonly places: Places
  /** By place: the narrowest store, and the widest access of any kind. */
  private readonly narrowest = new Map<number, Access>()
  private readonly widest = new Map<number, Access>()

  constructor(places: Places) {
    this.places = places
  }

  /** Takes notice of an access; says what is wrong with it, if anything. */
  note(place: number, access: Access & { readonly how: 'load' | 'store' }): string | undefined {
    const { text, width, how } = access
    const widest = this.widest.get(place)
    if (widest === undefined || widest.width < width) this.widest.set(place, { text, width })
    const narrowest = this.narrowest.get(place)
    if (how === 'store' && (narrowest === undefined || width < narrowest.width))
      this.narrowest.set(place, { text, width })
    return this.wrong(place)
  }

  private wrong(place: number): string | undefined {
    const store = this.narrowest.get(place)
    if (store === undefined) return undefined
    const { name, type } = this.places.places[place] ?? {}
    const part = `"${store.text}" stores ${store.width} bits of ${name}`
    const whole = this.widest.get(place)
    if (whole !== undefined && whole.width > store.width)
      return `${part}, and "${whole.text}" accesses ${whole.width}: parts of a location are not supported`
    if (type !== undefined && type.width > store.width)
      return `${part}, which has ${type.width}: parts of a location are not supported`
    return undefined
  }
}
