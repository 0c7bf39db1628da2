import { describe, expect, it } from 'vitest'
import { Checker } from '../../src/trace/check/checker.ts'
import type { Decision, Disagreement, Findings } from '../../src/trace/check/decisions.ts'
import { eventsOf } from './decode.ts'

/** Checks the text of a recording. */
function check(text: string, ceiling = 33): Findings {
  const checker = new Checker({ ceiling })
  for (const event of eventsOf(text)) checker.add(event)
  checker.finish()
  return checker.findings
}

function only(findings: Findings, decision: Decision): readonly Disagreement[] {
  return findings.disagreements.filter((found) => found.decision === decision)
}

/** A recording in a mini-language: `cpu task-pid event: fields`, a microsecond apart. */
function recording(...lines: readonly string[]): string {
  return lines
    .map((line, i) => {
      const [, cpu, task, rest] = /^(\d) (\S+) (.*)$/.exec(line) ?? []
      return ` ${task} [00${cpu}] d..1. 1.${String(100_000 + i)}: ${rest}\n`
    })
    .join('')
}

const switchTo = (cpu: number, from: string, to: string) => {
  const [prev, prevPid, next, nextPid] = [...from.split('-'), ...to.split('-')]
  return `${cpu} ${from} sched_switch: prev_comm=${prev} prev_pid=${prevPid} prev_prio=120 prev_state=S ==> next_comm=${next} next_pid=${nextPid} next_prio=120`
}
const reloads = (cpu: number, task: string) =>
  `${cpu} ${task} tlb_flush: pages:-1 reason:flush on task switch (0)`
const INFO = (gen: number, initiator: number, freed = 0) =>
  `mm=0xff00 start=0x1000 end=0x3000 gen=${gen} cpu=${initiator} stride=12 freed=${freed}`
const asks = (cpu: number, task: string, freed = 0) =>
  `${cpu} ${task} flush_range: (f+0x0/0x1) mm=0xff00 start=0x1000 end=0x3000 stride=12 freed=${freed}`
const multi = (cpu: number, task: string, gen: number, mask: string, freed = 0) =>
  `${cpu} ${task} multi: (f+0x0/0x1) mask=${mask} ${INFO(gen, cpu, freed)}`
const sends = (cpu: number, task: string) => `${cpu} ${task} tlb_flush: pages:2 reason:remote ipi send (4)`
const returns = (cpu: number, task: string) => `${cpu} ${task} multi_ret: (f+0x1/0x2 <- g)`
const executes = (cpu: number, task: string, gen: number, initiator: number) =>
  `${cpu} ${task} flush_func: (f+0x0/0x1) ${INFO(gen, initiator)}`
const local = (cpu: number, task: string) => `${cpu} ${task} tlb_flush: pages:2 reason:local mm shootdown (3)`
const remote = (cpu: number, task: string, pages = 2) =>
  `${cpu} ${task} tlb_flush: pages:${pages} reason:remote shootdown (1)`
const enters = (cpu: number, task: string) => `${cpu} ${task} call_function_single_entry: vector=251`
const leaves = (cpu: number, task: string) => `${cpu} ${task} call_function_single_exit: vector=251`

/** A flush by CPU 0 that CPU 1, which runs another thread of the program, executes. */
const flush = (gen: number) => [
  asks(0, 'a-10'),
  multi(0, 'a-10', gen, '0x3'),
  sends(0, 'a-10'),
  executes(0, 'a-10', gen, 0),
  local(0, 'a-10'),
  enters(1, 'a-11'),
  executes(1, 'a-11', gen, 0),
  remote(1, 'a-11'),
  leaves(1, 'a-11'),
  returns(0, 'a-10'),
]

/** The same where CPU 1 is left out. */
const without = (gen: number, between: readonly string[] = []) => [
  asks(0, 'a-10'),
  multi(0, 'a-10', gen, '0x3'),
  sends(0, 'a-10'),
  ...between,
  executes(0, 'a-10', gen, 0),
  local(0, 'a-10'),
  returns(0, 'a-10'),
]

/** Both CPUs switch to the program, and are known by two flushes. */
const START = [
  switchTo(0, 'swapper/0-0', 'a-10'),
  reloads(0, 'swapper/0-0'),
  switchTo(1, 'swapper/1-0', 'a-11'),
  reloads(1, 'swapper/1-0'),
  ...flush(2),
  ...flush(3),
]

describe('an address space that begins in the recording', () => {
  const begins = [
    '0 init-1 task_newtask: pid=10 comm=a clone_flags=1200000 oom_score_adj=0',
    switchTo(0, 'swapper/0-0', 'a-10'),
    reloads(0, 'swapper/0-0'),
  ]
  const flushes = (gen: number, pages = 2) => [
    asks(0, 'a-10'),
    executes(0, 'a-10', gen, 0),
    `0 a-10 tlb_flush: pages:${pages} reason:local mm shootdown (3)`,
  ]

  it('has its generations counted from 1, and its CPU knows none before', () => {
    const findings = check(recording(...begins, ...flushes(1), ...flushes(2)))
    expect(findings.disagreements).toEqual([])
    expect(findings.count('generation', 'agreed')).toBe(2)
    expect(findings.count('outcome on a CPU', 'agreed')).toBe(2)
    expect(findings.total('unchecked')).toBe(0)
  })

  it('has no business to flush everything for its first pages', () => {
    const findings = check(recording(...begins, ...flushes(1, -1)))
    expect(only(findings, 'outcome on a CPU')).toMatchObject([{ standing: 'unexplained', recorded: 'full' }])
  })

  it('lacks events where its first generation is later', () => {
    expect(only(check(recording(...begins, ...flushes(3))), 'generation')).toMatchObject([
      { standing: 'lost' },
    ])
  })
})

describe('a kernel before 5.13', () => {
  /** The own CPU first, then the others. */
  const ownFirst = (gen: number) => [
    asks(0, 'a-10'),
    executes(0, 'a-10', gen, 0),
    local(0, 'a-10'),
    multi(0, 'a-10', gen, '0x3'),
    sends(0, 'a-10'),
    enters(1, 'a-11'),
    executes(1, 'a-11', gen, 0),
    remote(1, 'a-11'),
    leaves(1, 'a-11'),
    returns(0, 'a-10'),
  ]

  it('flushes its own TLB first: one flush, and one generation', () => {
    const findings = check(recording(...START, ...ownFirst(4), ...ownFirst(5)))
    expect(findings.disagreements).toEqual([])
    expect(findings.count('CPUs interrupted', 'agreed')).toBe(4)
    expect(findings.count('place', 'agreed')).toBe(4)
    expect(findings.count('generation', 'agreed')).toBe(3)
  })
})

describe('a kernel of 6.14', () => {
  const left = [...START, switchTo(1, 'a-11', 'b-20'), reloads(1, 'a-11')]
  const findings = (targets?: 'loaded-or-switching') => {
    const checker = new Checker({ ceiling: 33, ...(targets && { targets }) })
    for (const event of eventsOf(recording(...left, ...without(4)))) checker.add(event)
    checker.finish()
    return only(checker.findings, 'CPUs interrupted')
  }

  it('does not interrupt who has left the mm and is still in the mask; older ones do', () => {
    expect(findings('loaded-or-switching')).toEqual([])
    expect(findings()).toMatchObject([{ predicted: '1', recorded: 'none' }])
  })
})

describe('a flush that a CPU in the mask executes', () => {
  it('agrees', () => {
    const findings = check(recording(...START, ...flush(4)))
    expect(findings.disagreements).toEqual([])
    expect(findings.count('CPUs interrupted', 'agreed')).toBe(3)
    expect(findings.count('outcome on a CPU', 'unexplained')).toBe(0)
    expect(findings.count('outcome on a CPU', 'agreed')).toBeGreaterThanOrEqual(4)
  })

  it('is unexplained when that CPU is left out while it runs the program', () => {
    const findings = check(recording(...START, ...without(4)))
    expect(only(findings, 'CPUs interrupted')).toMatchObject([
      { standing: 'unexplained', predicted: '1', recorded: 'none' },
    ])
  })

  it('agrees when that CPU is idle and left out', () => {
    const findings = check(
      recording(...START, switchTo(1, 'a-11', 'swapper/1-0'), enters(1, 'swapper/1-0'), ...without(4)),
    )
    expect(only(findings, 'CPUs interrupted')).toEqual([])
  })

  it('is explained by a race when that CPU goes idle while the initiator looks', () => {
    const findings = check(recording(...START, ...without(4, [switchTo(1, 'a-11', 'swapper/1-0')])))
    expect(only(findings, 'CPUs interrupted')).toMatchObject([{ standing: 'race', race: 'goes lazy' }])
  })

  it('is explained by a lost event when only the probe of the execution is missing', () => {
    const text = recording(
      ...START,
      asks(0, 'a-10'),
      multi(0, 'a-10', 4, '0x3'),
      sends(0, 'a-10'),
      executes(0, 'a-10', 4, 0),
      local(0, 'a-10'),
      enters(1, 'a-11'),
      remote(1, 'a-11'),
      leaves(1, 'a-11'),
      returns(0, 'a-10'),
    )
    expect(only(check(text), 'CPUs interrupted')).toMatchObject([{ standing: 'lost' }])
  })
})

describe('an execution', () => {
  it('is unexplained when a range is flushed although a generation is missing', () => {
    const findings = check(
      recording(
        ...START,
        switchTo(1, 'a-11', 'swapper/1-0'),
        enters(1, 'swapper/1-0'),
        leaves(1, 'swapper/1-0'),
        ...without(4),
        switchTo(1, 'swapper/1-0', 'a-11'),
        // A reload is due here: generation 4 is missing.
        enters(1, 'a-11'),
        leaves(1, 'a-11'),
        asks(0, 'a-10'),
        multi(0, 'a-10', 5, '0x3'),
        sends(0, 'a-10'),
        executes(0, 'a-10', 5, 0),
        local(0, 'a-10'),
        enters(1, 'a-11'),
        executes(1, 'a-11', 5, 0),
        remote(1, 'a-11'),
        leaves(1, 'a-11'),
        returns(0, 'a-10'),
      ),
    )
    expect(only(findings, 'outcome on a CPU')).toMatchObject([
      { standing: 'unexplained', cpu: 1, recorded: 'range' },
    ])
  })

  it('is explained by a race when another flush was taking its generation', () => {
    const findings = check(
      recording(
        ...START,
        asks(0, 'a-10'),
        multi(0, 'a-10', 4, '0x3'),
        sends(0, 'a-10'),
        executes(0, 'a-10', 4, 0),
        local(0, 'a-10'),
        asks(1, 'a-11'),
        enters(1, 'a-11'),
        executes(1, 'a-11', 4, 0),
        remote(1, 'a-11', -1),
        leaves(1, 'a-11'),
        returns(0, 'a-10'),
      ),
    )
    expect(only(findings, 'outcome on a CPU')).toMatchObject([
      { standing: 'race', race: 'generations merge', recorded: 'full' },
    ])
  })
})

describe('sizes', () => {
  it('are unexplained where the kernel has another ceiling than the sidecar says', () => {
    const findings = check(recording(...START), 1)
    expect(only(findings, 'full or ranged').length).toBe(2)
    expect(only(findings, 'full or ranged')[0]).toMatchObject({ standing: 'unexplained', predicted: 'full' })
  })

  it('are all that is checked without probes', () => {
    const findings = check(recording(remote(0, 'a-10', 33), remote(0, 'a-10', 34)))
    expect([findings.checked, findings.total('unexplained')]).toEqual([2, 1])
  })
})
