/** How text looks: characters and colour. Everything that prints takes one, so that tests need no terminal. */
import pc from 'picocolors'

/** Paints a piece of text; leaves its visible width alone. */
export type Paint = (text: string) => string

export interface Style {
  readonly ascii: boolean
  /** Widest line, in characters. */
  readonly width: number
  readonly bold: Paint
  readonly dim: Paint
  readonly bad: Paint
  readonly good: Paint
  readonly warn: Paint
  /** Vertical bar beside the steps of a CPU whose interrupts are off. */
  readonly bar: string
  readonly dash: string
  readonly arrow: string
  readonly here: string
}

export interface StyleOptions {
  readonly ascii?: boolean
  readonly color?: boolean
  readonly width?: number
}

/** Widest line of a report: what a mail takes without being wrapped. */
export const MAIL_WIDTH = 100
/** Narrower than this, a terminal has to wrap. */
const TERMINAL_WIDTH = 80

export function makeStyle(options: StyleOptions = {}): Style {
  const ascii = options.ascii ?? false
  const colors = pc.createColors(options.color ?? false)
  return {
    ascii,
    width: options.width ?? MAIL_WIDTH,
    bold: colors.bold,
    dim: colors.dim,
    bad: colors.red,
    good: colors.green,
    warn: colors.yellow,
    bar: ascii ? '|' : '│',
    dash: ascii ? '-' : '─',
    arrow: ascii ? '->' : '→',
    here: ascii ? '<==' : '⇐',
  }
}

/** Plain text without colour: for mails, files and tests. */
export const PLAIN: Style = makeStyle({ ascii: true })

/**
 * The style for a stream: colour only on a terminal, and not when `NO_COLOR` is set to anything; no wider than a terminal of
 * 80 columns or more.
 */
export function styleFor(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  options: { readonly ascii?: boolean },
): Style {
  const terminal = stream.isTTY === true
  const color = terminal && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb'
  const columns = terminal ? (stream.columns ?? MAIL_WIDTH) : MAIL_WIDTH
  return makeStyle({
    ...options,
    color,
    width: Math.min(MAIL_WIDTH, Math.max(TERMINAL_WIDTH, columns)),
  })
}
