/** Settings as a user types them: `--pv-ipi on` of `pvIpi: true`. */

/** `pv-ipi` of `pvIpi`. */
export function hyphenated(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `--pv-ipi` of `pvIpi`. */
export function flagOf(name: string): string {
  return `--${hyphenated(name)}`
}

/** `on` and `off`; `exit=2000,icr=300`; anything else as it is. */
export function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, cost]) => `${name}=${cost}`)
      .join(',')
  return String(value)
}
