/** `shootdown list`: every scenario with its question. */
import type { Command } from 'commander'

export function registerList(program: Command): void {
  program
    .command('list')
    .description('scenarios, with one line each')
    .option('--json', 'as JSON: name, title, about, options')
    .action(async (flags: { readonly json?: true }) => {
      const { SCENARIOS } = await import('../scenarios/registry.ts')
      const { formatList, listDocument } = await import('../report/list.ts')
      const { styleFor } = await import('../report/style.ts')
      const text =
        flags.json === true
          ? JSON.stringify(listDocument(SCENARIOS), undefined, 2)
          : formatList(SCENARIOS, styleFor(process.stdout, {}))
      process.stdout.write(`${text}\n`)
    })
}
