import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ANSWERS, argumentsOf, COMMANDS, figuresOf, printed } from '../../scripts/answers.ts'

const page = readFileSync(ANSWERS, 'utf8')
const figures = figuresOf(page)

/** The number that stands in the text. */
function numberIn(text: string): number {
  return Number(text.replace(/[, ]/g, '').match(/^-?\d+(\.\d+)?/)?.[0] ?? Number.NaN)
}

describe('docs/answers.md', () => {
  it('names exactly the commands that its figures come from', () => {
    const shown = [...page.matchAll(/^ {4,}shootdown (.*)$/gm)].map(([, command]) => command)
    expect(new Set(shown)).toEqual(new Set(COMMANDS.map(({ command }) => command)))
  })

  it('has every figure, and none that nothing prints', () => {
    expect([...figures.keys()].sort()).toEqual(COMMANDS.flatMap((one) => Object.keys(one.figures)).sort())
  })

  it.each(COMMANDS.flatMap((one) => Object.entries(one.figures)))(
    'says the truth about its %s',
    (name, figure) => {
      expect(figure.holds(numberIn(figures.get(name)!)), `${name}: ${figures.get(name)}`).toBe(true)
    },
  )
})

describe('in a small form', () => {
  const cheap = COMMANDS.filter(({ small }) => small.length > 0)
  it.each(cheap.map((one) => [one.command, one] as const))(
    '%s bears out what the page says',
    async (_, one) => {
      const result = await printed(argumentsOf(one, one.small))
      for (const [name, { of, holds }] of Object.entries(one.figures)) {
        expect(holds(of(result)), `${name}: ${of(result)}`).toBe(true)
      }
    },
    60_000,
  )
})
