/**
 * A worker thread: finds and builds scenarios and searches them, one request at a time. It stays between jobs, so that
 * modules are loaded and compiled once.
 */
import { resolve } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { UsageError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import { check } from '../explore/check.ts'
import type { Cover } from '../explore/vacuity.ts'
import type { CheckOptions, SearchRecord } from '../explore/verdict.ts'
import type { FoundSites } from '../report/needs-report.ts'
import type { CheckResult } from '../report/result.ts'
import type { TraceResult } from '../report/traces.ts'
import * as registry from '../scenarios/registry.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { blameFile, errorData } from './blame.ts'
import { buildScenario, findScenario, scenariosIn } from './find.ts'
import { crewOf } from './helpers.ts'
import { initialFacts } from './initial-facts.ts'
import { didYouMean } from './nearest.ts'
import {
  type CheckJob,
  type Description,
  type JobLimits,
  type Phase,
  type Reply,
  type Request,
  type ScenarioInfo,
  SHARED,
  type WorkerData,
} from './protocol.ts'
import { searchLimits } from './search-limits.ts'

const port = parentPort
const { shared: words, idle } = workerData as WorkerData
const shared = new Int32Array(words)

function reply(message: Reply): void {
  port?.postMessage(message)
}

/** Tells the main thread that whatever comes next may be code that never comes back. */
function enter(phase: Phase): void {
  Atomics.add(shared, SHARED.beat, 1)
  reply({ type: 'phase', phase })
}

async function describeTarget(
  target: string,
  otherNames: readonly string[],
): Promise<readonly ScenarioInfo[]> {
  const { fileTarget } = await import('./scenario-file.ts')
  const inFile = fileTarget(target)
  if (inFile === undefined) return [infoOf(await findScenario({ name: target }, otherNames))]
  const { file, name } = inFile
  const all = await scenariosIn(file)
  const wanted = name === undefined ? all : all.filter((scenario) => scenario.name === name)
  if (wanted.length === 0 && name !== undefined) {
    const names = all.map((scenario) => scenario.name)
    throw new UsageError(
      `${file} has no scenario ${name}${didYouMean(name, names)}; it has: ${names.join(', ')}`,
    )
  }
  return wanted.map((scenario) => ({
    ...infoOf(scenario),
    file,
    target: all.length === 1 ? file : `${file}#${scenario.name}`,
  }))
}

function infoOf({ name, title, uses, defaults }: Scenario): ScenarioInfo {
  return { name, title, uses, ...(defaults === undefined ? {} : { defaults }) }
}

async function describe(targets: readonly string[], otherNames: readonly string[]): Promise<Description> {
  enter('load')
  return {
    targets: await Promise.all(targets.map((target) => describeTarget(target, otherNames))),
    values: {
      flush: registry.FLUSH_BACKENDS,
      free: registry.FREE_POLICIES,
      walker: registry.WALKERS,
      profile: registry.PROFILES,
    },
  }
}

async function buildJob(job: CheckJob): Promise<{ scenario: Scenario; program: Program }> {
  enter('load')
  const scenario = await findScenario(job.scenario)
  enter('build')
  return { scenario, program: await buildScenario(scenario, job) }
}

function searchOptions(limits: JobLimits): CheckOptions {
  return {
    ...searchLimits(limits),
    onProgress: (progress) => {
      Atomics.add(shared, SHARED.beat, 1)
      reply({ type: 'progress', progress })
    },
    interrupted: () => {
      Atomics.add(shared, SHARED.beat, 1)
      return Atomics.load(shared, SHARED.stop) !== 0
    },
  }
}

async function findSites(job: CheckJob): Promise<FoundSites> {
  const { program } = await buildJob(job)
  const { sitesOf } = await import('../explore/needs.ts')
  const { siteInfo } = await import('./site-lines.ts')
  enter('search')
  const { sites, complete } = sitesOf(program, searchOptions(job.limits))
  return { sites: sites.map(siteInfo), complete }
}

async function traces(job: CheckJob): Promise<TraceResult> {
  const { scenario, program } = await buildJob(job)
  const { countTraces } = await import('../explore/dpor/count-traces.ts')
  enter('search')
  const { name, title, uses } = scenario
  const { file } = job.scenario
  const what = { scenario: name, title, ...(file !== undefined && { file }), options: job.options, uses }
  return { ...what, ...countTraces(program, searchOptions(job.limits)) }
}

async function coversOf(job: CheckJob): Promise<readonly Cover[]> {
  const scenario = await findScenario(job.scenario)
  const { buildProgram } = await import('./scenario-file.ts')
  const { coverGoals } = await import('../explore/vacuity.ts')
  const build = () => buildProgram(scenario, job.options, job.scenario.file)
  return coverGoals(build, searchOptions(job.limits))
}

/** Certificates are of programs built afresh, as `verify` will build them. */
async function certify(path: string, job: CheckJob, record: SearchRecord): Promise<void> {
  const { saveCertificate } = await import('./certificates.ts')
  const { program } = await buildJob(job)
  enter('search')
  const { name, file } = job.scenario
  const what = { scenario: name, ...(file !== undefined && { file }), options: job.options }
  saveCertificate(path, what, program, record, () => Atomics.add(shared, SHARED.beat, 1))
}

async function runCheck(job: CheckJob): Promise<CheckResult> {
  const { scenario, program } = await buildJob(job)
  const { file } = job.scenario
  const expected = scenario.expected?.(job.options)
  enter('search')
  const { certificate } = job.limits
  let record: SearchRecord | undefined
  const verdict = check(program, {
    ...searchOptions(job.limits),
    // A certificate is written by one thread.
    ...(certificate === undefined && { crew: crewOf(job, idle) }),
    ...(certificate !== undefined && {
      onSafe: (make) => {
        record = make()
      },
    }),
  })
  if (certificate !== undefined && record !== undefined) await certify(certificate, job, record)
  const covers = job.limits.why === true && verdict.verdict === 'safe' ? await coversOf(job) : undefined
  return {
    scenario: scenario.name,
    title: scenario.title,
    ...(file === undefined ? {} : { file }),
    options: job.options,
    uses: scenario.uses,
    ...(expected === undefined ? {} : { expected }),
    verdict,
    ...(covers === undefined ? {} : { covers }),
    initialFacts: initialFacts(program),
  }
}

async function answer(request: Request): Promise<Reply> {
  try {
    switch (request.type) {
      case 'describe':
        return { type: 'described', description: await describe(request.targets, request.otherNames) }
      case 'check':
        return { type: 'checked', result: await runCheck(request.job) }
      case 'traces':
        return { type: 'traces', result: await traces(request.job) }
      case 'sites':
        return { type: 'sites', found: await findSites(request.job) }
    }
  } catch (error) {
    const file = request.type === 'describe' ? undefined : request.job.scenario.file
    return { type: 'failed', error: errorData(file === undefined ? error : blameFile(error, resolve(file))) }
  }
}

port?.on('message', async (request: Request) => reply(await answer(request)))
