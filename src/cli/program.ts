/** The command line as a whole: which commands there are, and what becomes of their errors. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { ShootdownError } from '../core/errors.ts'
import { COMMANDS } from './commands.ts'

/** Builds the whole command line; each command registers itself and loads its own modules only when it runs. */
function buildProgram(): Command {
  const program = new Command('shootdown')
    .description('A laboratory for TLB shootdown and page-table lifetime')
    .version(version(), '--version', 'print the version')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
  for (const register of COMMANDS) register(program)
  return program
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

/** Commander's errors in our form: one line, with our name before it. */
function oneLine(text: string): string {
  return `shootdown: ${text
    .replace(/^error: /, '')
    .trimEnd()
    .replace(/\n\(Did you mean (.*)\?\)/, ' (did you mean $1?)')}\n`
}

/** Runs one command; bad input is one clear line on stderr and exit status 2, never a stack trace. */
export async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  try {
    await buildProgram().parseAsync([...argv])
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof ShootdownError) {
      process.stderr.write(`shootdown: ${error.message}\n`)
      return 2
    }
    throw error
  }
}
