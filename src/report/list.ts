/** The list of scenarios. */
import type { Scenario } from '../scenarios/scenario.ts'
import { OPTION_FLAGS } from './options-text.ts'
import type { Style } from './style.ts'
import { wrap } from './wrap.ts'

/** Names in one column, questions in the other. */
export function formatList(scenarios: readonly Scenario[], style: Style): string {
  const width = scenarios.reduce((most, { name }) => Math.max(most, name.length), 0) + 2
  return scenarios
    .flatMap(({ name, title }) =>
      wrap(title, style.width - width, 0).map((text, i) =>
        i === 0 ? `${style.bold(name)}${' '.repeat(width - name.length)}${text}` : ' '.repeat(width) + text,
      ),
    )
    .join('\n')
}

/** The list as plain data for `list --json`. */
export function listDocument(scenarios: readonly Scenario[]) {
  return {
    format: 1,
    command: 'list',
    scenarios: scenarios.map(({ name, title, about, uses, defaults }) => ({
      name,
      title,
      ...(about === undefined ? {} : { about }),
      options: uses.map((option) => OPTION_FLAGS[option]),
      defaults: defaults ?? {},
    })),
  }
}
