/** Finds scenarios by their names, ours and those in users' files, and builds them. */
import { UsageError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import * as registry from '../scenarios/registry.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { didYouMean } from './nearest.ts'
import type { CheckJob, ScenarioRef } from './protocol.ts'

const files = new Map<string, Promise<readonly Scenario[]>>()

/** The scenarios of a file, which is loaded once. */
export async function scenariosIn(file: string): Promise<readonly Scenario[]> {
  const { loadScenarioFile } = await import('./scenario-file.ts')
  const known = files.get(file) ?? loadScenarioFile(file)
  files.set(file, known)
  return known
}

/** @throws UsageError with the nearest name, among scenarios and `otherNames` */
export async function findScenario(
  { name, file }: ScenarioRef,
  otherNames: readonly string[] = [],
): Promise<Scenario> {
  const among = file === undefined ? registry.SCENARIOS : await scenariosIn(file)
  const found = among.find((scenario) => scenario.name === name)
  if (found === undefined) {
    const names = [...among.map((scenario) => scenario.name), ...otherNames]
    throw new UsageError(`no scenario ${name}${didYouMean(name, names)}; 'shootdown list' shows all`)
  }
  return found
}

/** The program of a job's scenario. */
export async function buildScenario(scenario: Scenario, job: CheckJob): Promise<Program> {
  const { buildProgram } = await import('./scenario-file.ts')
  return buildProgram(scenario, job.options, job.scenario.file)
}
