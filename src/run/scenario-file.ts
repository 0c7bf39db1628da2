/**
 * Users' scenario files: TypeScript or JavaScript, loaded by jiti on every supported Node. `import ... from 'shootdown'` in them is
 * the running library itself, whether it runs from its sources or installed: with a second copy, operations and handles
 * of one would mean nothing to the other.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CellTable } from '../core/cells.ts'
import { GuestProgramError, ShootdownError, UsageError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import { DEFAULT_OPTIONS, type Scenario, type ScenarioOptions } from '../scenarios/scenario.ts'
import { errorText, shownPath, whereIn } from './blame.ts'
import { didYouMean } from './nearest.ts'

/** Whether an argument of the command line means a file and not a scenario of ours. */
export function isFileName(target: string): boolean {
  return /\.[cm]?[jt]s$/.test(target) || target.includes('/') || target.includes('\\')
}

/** `my.ts`, or one scenario of several: `my.ts#name`; undefined for what names no file. */
export function fileTarget(
  target: string,
): { readonly file: string; readonly name: string | undefined } | undefined {
  const one = /^(.*\.[cm]?[jt]s)#([^#/\\]+)$/.exec(target)
  if (one !== null) return { file: one[1] as string, name: one[2] }
  return isFileName(target) ? { file: target, name: undefined } : undefined
}

/** The library for users' files; a name that it does not have is reported where it is used. */
function strict(name: string, exports: object): object {
  const known = Object.keys(exports)
  return new Proxy(
    { ...exports, __esModule: true },
    {
      get(target, key, receiver) {
        if (typeof key === 'string' && !(key in target) && key !== 'default' && key !== 'then') {
          throw new UsageError(`'${name}' has no export ${key}${didYouMean(key, known)}`)
        }
        return Reflect.get(target, key, receiver)
      },
    },
  )
}

async function loadModule(path: string): Promise<Record<string, unknown>> {
  const [{ createJiti }, library, abi] = await Promise.all([
    import('jiti'),
    import('../index.ts'),
    import('../abi/index.ts'),
  ])
  const jiti = createJiti(import.meta.url, {
    interopDefault: false,
    moduleCache: false,
    virtualModules: {
      shootdown: strict('shootdown', library),
      'shootdown/abi': strict('shootdown/abi', abi),
    },
  })
  return await jiti.import<Record<string, unknown>>(path)
}

function loadError(error: unknown, path: string): ShootdownError {
  if (error instanceof UsageError) return new UsageError(`${whereIn(error, path)}: ${error.message}`)
  const syntax =
    error instanceof Error ? /ParseError: ([^\n]*?)\s*\n\s*(.*):(\d+):(\d+)/.exec(error.message) : null
  if (syntax !== null) {
    const [, what, file, line, column] = syntax
    return new UsageError(`${shownPath(file ?? path)}:${line}:${column}: ${what}`)
  }
  return new GuestProgramError(
    'guest-throws',
    `${whereIn(error, path)}: the scenario file does not load: ${errorText(error)}`,
  )
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]*$/

/** Says what keeps a value from being a scenario, or nothing. */
function defect(value: object): string | undefined {
  const it = value as Partial<Record<keyof Scenario, unknown>>
  if (typeof it.name !== 'string' || !NAME.test(it.name)) {
    return "needs a name of letters, digits and hyphens: name: 'my-race'"
  }
  if (typeof it.title !== 'string') return `${it.name} needs a title: one line, the question`
  if (typeof it.build !== 'function') return `${it.name} needs build(options), which returns a program`
  const known = Object.keys(DEFAULT_OPTIONS)
  if (!Array.isArray(it.uses)) return `${it.name} needs uses: the options that change it, e.g. uses: ['cpus']`
  const unknown = it.uses.find((option) => !known.includes(String(option)))
  if (unknown !== undefined) {
    return `${it.name}: uses has no option ${String(unknown)}${didYouMean(String(unknown), known)}`
  }
  if (it.defaults !== undefined && (typeof it.defaults !== 'object' || it.defaults === null)) {
    return `${it.name}: defaults must be an object`
  }
  if (it.expected !== undefined && typeof it.expected !== 'function')
    return `${it.name}: expected must be a function`
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/**
 * The scenarios of a file: its default export, or those that it exports by name. TypeScript loads on every supported Node.
 *
 * @throws UsageError when there is no such file or no scenario in it, GuestProgramError when it throws
 */
export async function loadScenarioFile(where: string | URL): Promise<readonly Scenario[]> {
  const file = where instanceof URL ? fileURLToPath(where) : where
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`no such file: ${file}`)
  let exports: Record<string, unknown>
  try {
    exports = await loadModule(path)
  } catch (error) {
    throw loadError(error, path)
  }
  const named = Object.entries(exports).filter(([key]) => key !== 'default' && key !== '__esModule')
  const found =
    exports.default !== undefined
      ? [exports.default].flat()
      : named.map(([, value]) => value).filter((value) => isObject(value) && 'build' in value)
  if (found.length === 0) {
    throw new UsageError(`${file} exports no scenario: export default scenario({ name, title, uses, build })`)
  }
  for (const value of found) {
    const wrong = isObject(value) ? defect(value) : 'the default export is not an object'
    if (wrong !== undefined) {
      throw new UsageError(`${file} exports no valid scenario: ${wrong}`)
    }
  }
  // One that is exported under two names is one.
  const scenarios = [...new Set(found)] as unknown as readonly Scenario[]
  const names = scenarios.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new UsageError(`${file} has two scenarios with the name ${twice}`)
  return scenarios
}

/** Builds a program; what goes wrong in a user's `build` is said to be theirs. */
export function buildProgram(
  scenario: Scenario,
  options: ScenarioOptions,
  file: string | undefined,
): Program {
  let program: unknown
  try {
    program = scenario.build(options)
  } catch (error) {
    if (file === undefined) throw error
    const path = resolve(file)
    if (error instanceof UsageError) throw new UsageError(`${whereIn(error, path)}: ${error.message}`)
    if (error instanceof ShootdownError) throw error
    throw new GuestProgramError(
      'guest-throws',
      `${whereIn(error, path)}: build() of scenario ${scenario.name} throws ${errorText(error)}`,
    )
  }
  const wrong = file === undefined ? undefined : programDefect(program)
  if (wrong !== undefined) {
    throw new GuestProgramError('guest-invalid', `${file}: build() of scenario ${scenario.name} ${wrong}`)
  }
  // A scenario that is a plain object has not been through scenario().
  return scenario.liveness === true ? { ...(program as Program), liveness: true } : (program as Program)
}

/** Says what keeps a value from being a program, or nothing. */
function programDefect(program: unknown): string | undefined {
  if (!isObject(program)) return `returns ${program === null ? 'null' : typeof program}, not a program`
  const { cells, processes, bounds } = program as Partial<Program>
  if (cells === undefined) return 'returns a program without cells'
  if (!(cells instanceof CellTable)) {
    return "uses another copy of Shootdown: import from 'shootdown', not by a path"
  }
  if (!Array.isArray(processes) || processes.length === 0) return 'returns a program without processes'
  if (!Array.isArray(bounds)) return 'returns a program without bounds (an empty list if it has none)'
  return undefined
}
