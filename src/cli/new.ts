/** `shootdown new NAME`: writes a scenario file to start from. */
import type { Command } from 'commander'
import { UsageError } from '../core/errors.ts'

/** The name that the template has where the user's is to stand. */
const PLACEHOLDER = 'my-race'

export function registerNew(program: Command): void {
  program
    .command('new')
    .description('write a commented scenario file to start from')
    .argument('<name>', 'letters, digits and hyphens; the file is NAME.ts')
    .action(async (given: string) => {
      const name = given.replace(/\.ts$/, '')
      if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(name)) {
        throw new UsageError(`${given}: a scenario's name has letters, digits and hyphens: my-race`)
      }
      const { readFile, writeFile } = await import('node:fs/promises')
      const template = await readFile(new URL('../../templates/scenario.ts', import.meta.url), 'utf8')
      const file = `${name}.ts`
      try {
        await writeFile(file, template.replaceAll(PLACEHOLDER, name), { flag: 'wx' })
      } catch (error) {
        throw new UsageError(
          (error as NodeJS.ErrnoException).code === 'EEXIST'
            ? `${file} exists already, and is left as it is`
            : `${file} cannot be written: ${(error as Error).message}`,
        )
      }
      const { starter } = await import('./replay-command.ts')
      process.stdout.write(`wrote ${file}; next: ${starter(process.env)} ${file}\n`)
    })
}
