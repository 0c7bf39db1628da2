import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { shootdown, withoutNumbers } from './shootdown.ts'

describe('check', () => {
  test('a safe cell: exit status 0, what was searched', async () => {
    const { status, stdout, stderr } = await shootdown('check thread')
    expect(stdout).toMatch(/^safe {2}thread: flush native, free immediate/)
    expect(stdout).toMatch(/complete search: [\d,]+ states/)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('an unsafe cell: exit status 1, and a counterexample for a mail', async () => {
    const { status, stdout } = await shootdown('check thread --flush hyperv --ascii')
    expect(status).toBe(1)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is the point
    expect(stdout).toMatch(/^[\x00-\x7f]*$/)
    // The whole text is in docs/reading-a-counterexample.md, where docs.test.ts looks after it.
    expect(stdout).toMatch(/^page-table lifetime: .*\nthread: flush hyperv, .*\n\n CPU0 +CPU1 +hypervisor\n/)
    expect(stdout).toMatch(/ gup_fast\(\)\n/)
    expect(stdout).toMatch(/\n {3}free T +\| +T is free\n/)
    expect(stdout).toMatch(/ read PTE\[v\] -> none +<== page-table lifetime\n/)
    expect(stdout).toMatch(/\nreplay: {2}shootdown check thread --flush hyperv\n/)
  })

  test('the command below a counterexample shows it again', async () => {
    const first = await shootdown('check thread --flush hyperv --free immediate,rcu')
    const replay = /replay: {2}shootdown (.*)/.exec(first.stdout)?.[1]
    expect(replay).toBe('check thread --flush hyperv')
    const again = await shootdown(replay ?? '')
    const diagram = (text: string) => withoutNumbers(text.slice(text.indexOf('page-table lifetime:')))
    expect(diagram(first.stdout)).toContain(diagram(again.stdout).trimEnd().split('\nsearch:')[0])
  })

  test('a limit: exit status 3, and how far it came', async () => {
    const { status, stdout } = await shootdown('check thread --flush xen --free rcu --max-states 100')
    expect(status).toBe(3)
    expect(stdout).toMatch(/^inconclusive/)
  })

  test('--timeout: exit status 3', async () => {
    const { status, stdout } = await shootdown('check thread --flush xen --free rcu --cpus 5 --timeout 1')
    expect(status).toBe(3)
    expect(stdout).toContain('the time limit of 1 s was reached')
  })

  test('in a pipe there is a line of progress every other second, on standard error only', async () => {
    const run = await shootdown('check thread --flush xen --free rcu --cpus 5 --timeout 8')
    expect(run.progress.length).toBeGreaterThanOrEqual(3)
    expect(run.stderr).toBe('')
    expect(run.stdout).toMatch(/^inconclusive/)
  })

  test('Ctrl-C: exit status 3 with what is known', async () => {
    const { status, stdout } = await shootdown('check thread --flush xen --free rcu --cpus 5', {
      interruptAfter: 4000,
    })
    expect(stdout).toMatch(
      /inconclusive.*\nstopped by Ctrl-C\ncovered: no set .*\n.*\nso far, without a violation: [\d,]+ states/,
    )
    expect(status).toBe(3)
  })

  test('Ctrl-C while schedules are tried by their preemptions: how many preemptions are covered', async () => {
    const { status, stdout } = await shootdown(
      'check thread --flush xen --free rcu --cpus 4 --preemptions 9',
      {
        interruptAfter: 5000,
      },
    )
    expect(stdout).toMatch(
      /^inconclusive.*\nstopped by Ctrl-C\ncovered: (all schedules (without|with at most)|no number of) .*preemption/,
    )
    expect(status).toBe(3)
  })

  test.each(['--engine pct', '--engine random --executions 20000', '--preemptions 2', '--no-shortest'])(
    'a counterexample of %s: its command shows it again, step by step',
    async (how) => {
      // Few states, so that random schedules meet it.
      const first = await shootdown(`check mutual-ipi-irqs-off ${how} --json`)
      const [found] = JSON.parse(first.stdout).results
      const again = await shootdown(`${found.replay.replace('shootdown ', '')} --json`)
      const [same] = JSON.parse(again.stdout).results
      expect({ ...same, counts: 0 }).toEqual({ ...found, counts: 0 })
      expect(found.replay).toContain(how.split(' ').slice(0, 2).join(' '))
      if (how.startsWith('--engine')) expect(found.replay).toContain('--seed 1')
    },
  )

  test('--json: one document as the schema says, nothing else', async () => {
    const { status, stdout, stderr } = await shootdown('check thread --flush native,hyperv --json')
    const schema = JSON.parse(readFileSync(new URL('../../docs/schema/check.json', import.meta.url), 'utf8'))
    const validate = new Ajv2020({ strict: false }).compile(schema)
    const document = JSON.parse(stdout)
    validate(document)
    expect(validate.errors).toBeNull()
    expect(document.results.map((result: { verdict: string }) => result.verdict)).toEqual(['safe', 'unsafe'])
    expect({ status, stderr, inDocument: document.status }).toEqual({ status: 1, stderr: '', inDocument: 1 })
  })

  test('--why: what could have hurt, and whether it can happen', async () => {
    const { status, stdout } = await shootdown('check thread --why')
    expect(stdout).toMatch(
      /\nWhat could have hurt:\n {2}reached +the vector IPI is pending .*, after \d+ steps\n/,
    )
    expect(status).toBe(0)
  })

  test('--witness: a shortest way to each event that could hurt', async () => {
    const { status, stdout } = await shootdown('check thread --witness --ascii')
    expect(stdout.match(/^reached: /gm)).toHaveLength(3)
    expect(stdout).toMatch(/\nreached: a CPU calls others by IPI and waits for them\n\n CPU0 +goal\n/)
    expect(stdout.match(/<== reached$/gm)).toHaveLength(3)
    expect(status).toBe(0)
  })

  test('--why in a table: for each safe cell', async () => {
    const { stdout } = await shootdown('check thread --flush native,hyperv --why --ascii')
    expect(stdout.match(/^What could have hurt:$/gm)).toHaveLength(1)
    expect(stdout).toMatch(/\nthread: flush native, .*\nWhat could have hurt:\n {2}reached /)
  })

  test('executions that are drawn are counted as executions', async () => {
    const { stdout } = await shootdown('check thread --engine random --executions 20')
    expect(stdout).toMatch(/\nso far, without a violation: 20 executions, [\d,]+ steps, /)
  })

  test('--preemptions: never safe, and what is covered', async () => {
    const { status, stdout } = await shootdown('check thread --preemptions 1')
    expect(stdout).toMatch(/^inconclusive .*\n.*\ncovered: all schedules with at most 1 preemption/)
    expect(status).toBe(3)
  })

  test('a livelock: a lasso, exit status 1, in the same words in every run', async () => {
    const { status, stdout } = await shootdown('check spin-irqs-off --ascii')
    await expect(withoutNumbers(stdout)).toMatchFileSnapshot('golden/lasso.txt')
    expect(status).toBe(1)
  })

  test('--liveness: nor is there a livelock', async () => {
    const asked = await shootdown('check thread --liveness')
    expect(asked.stdout).toMatch(/\nno deadlock, no livelock: every execution comes to its end\n/)
    expect(asked.status).toBe(0)
    const unasked = await shootdown('check spin-irqs-on')
    expect(unasked.stdout).toMatch(/\nno deadlock, no livelock under fair scheduling: \d+ states/)
    expect(unasked.status).toBe(0)
  })

  test('of a table it is said in how many cells there is none', async () => {
    const { stdout } = await shootdown('check lock-released spin-irqs-on mutual-ipi-irqs-on')
    expect(stdout).toMatch(
      /\nno deadlock and no livelock in 3 safe cells: in 1 every execution comes to its end, in 2 none that is fair goes on/,
    )
  })

  test('--json of lassos and their controls is as the schema says', async () => {
    const scenarios = 'lost-wake-up wake-up-when-ready lock-kept lock-released'
    const { status, stdout } = await shootdown(`check ${scenarios} --json`)
    const schema = JSON.parse(readFileSync(new URL('../../docs/schema/check.json', import.meta.url), 'utf8'))
    const validate = new Ajv2020({ strict: false }).compile(schema)
    const document = JSON.parse(stdout)
    validate(document)
    expect(validate.errors).toBeNull()
    expect(document.results[2].trail.lasso).toMatchObject({
      stem: 2,
      starving: [
        { process: 'CPU0', how: 'goes-round' },
        { process: 'CPU1', how: 'blocked', writers: [] },
      ],
    })
    expect(document.results[1].liveness).toMatchObject({ because: 'no-fair-cycle' })
    expect(status).toBe(1)
  })

  test('several values make a table', async () => {
    const { stdout } = await shootdown('check thread --flush native,serialize --free immediate,rcu --ascii')
    await expect(withoutNumbers(stdout)).toMatchFileSnapshot('golden/table.txt')
  })

  test('no colour where there is no terminal', async () => {
    const { stdout } = await shootdown('check thread --flush hyperv', { env: { FORCE_COLOR: undefined } })
    expect(stdout).not.toContain('\x1b')
  })
})

describe('without arguments', () => {
  test("the thread's table, every backend and every policy", async () => {
    const { stdout, status } = await shootdown('--ascii')
    for (const backend of ['native', 'hyperv', 'xen', 'kvm', 'serialize'])
      expect(stdout).toContain(`flush ${backend}`)
    expect(stdout).toContain('UNSAFE')
    expect([0, 1]).toContain(status)
  })
})

describe('bad input is one line and exit status 2', () => {
  test.each([
    ['check thraed', "shootdown: no scenario thraed (did you mean thread?); 'shootdown list' shows all\n"],
    ['chekc', "shootdown: no scenario chekc (did you mean check?); 'shootdown list' shows all\n"],
    ['--flush hyper-v', /--flush hyper-v: unknown \(did you mean hyperv\?\); known: native, hyperv/],
    ['--free rcuu', /--free rcuu: unknown \(did you mean rcu\?\)/],
    ['--walker gupfast', /did you mean gup-fast\?/],
    ['--memory-model pso', /--memory-model pso: unknown/],
    ['--cpus 1', 'shootdown: --cpus 1: must be a whole number from 2 to 8\n'],
    ['--cpus two', 'shootdown: --cpus two: must be a whole number from 2 to 8\n'],
    ['--levels 3', 'shootdown: --levels 3: must be a whole number from 4 to 5\n'],
    ['--flush native,', 'shootdown: --flush native,: a name is missing in the list\n'],
    [
      'check thread --engine pct --liveness',
      /--liveness: .* after a complete search; leave out --engine pct/,
    ],
    [
      '--timeout soon',
      'shootdown: --timeout soon: must be a number of seconds above 0, and at most 2147483\n',
    ],
    ['--timeout 1e12', /^shootdown: --timeout 1e12: .* at most 2147483\n$/],
    ['--max-states 2.5', 'shootdown: --max-states 2.5: must be a whole number from 1 to 2147483647\n'],
    ['check thread --seed 3', /--seed changes nothing without --engine random or --engine pct\n$/],
    ['check thread --engine random --depth 3', /--depth changes nothing without --engine pct\n$/],
    ['check thread --engine pct --preemptions 2', /leave out --engine pct\n$/],
    [
      'check thread --preemptions 2 --why',
      /--why is about a safe verdict, which --preemptions never gives\n$/,
    ],
    ['check thread --certificate nowhere/c', /--certificate nowhere\/c: there is no folder .*nowhere\n$/],
    ['--max-states 0', 'shootdown: --max-states 0: must be a whole number from 1 to 2147483647\n'],
    ['--engine fast', 'shootdown: --engine: "fast" is no engine; there are: states, dpor, random, pct\n'],
    ['--flsh native', "shootdown: unknown option '--flsh' (did you mean --flush?)\n"],
    ['check nothing.ts', 'shootdown: no such file: nothing.ts\n'],
  ])('%s', async (args, message) => {
    const { status, stdout, stderr } = await shootdown(args)
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})

test('list names every scenario with its question', async () => {
  const { stdout } = await shootdown('list')
  expect(stdout).toMatch(/^thread {2,}\S/)
  const { scenarios } = JSON.parse((await shootdown('list --json')).stdout)
  expect(scenarios[0]).toMatchObject({ name: 'thread', options: expect.arrayContaining(['--flush']) })
})
