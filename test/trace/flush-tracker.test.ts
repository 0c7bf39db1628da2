import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TLB_FLUSH_ALL } from '../../src/trace/events.ts'
import { type Flush, type Handling, handledOn, reach, type Switch } from '../../src/trace/flush.ts'
import { exceedsCeiling, FlushTracker } from '../../src/trace/flush-tracker.ts'
import { readTrace } from '../../src/trace/reader.ts'
import { Tally, weight } from '../../src/trace/tally.ts'
import { eventsOf } from './decode.ts'
import { recording } from './recordings.ts'

async function flushesOf(file: string): Promise<readonly Flush[]> {
  const tracker = new FlushTracker()
  const flushes: Flush[] = []
  for await (const events of readTrace(recording(file))) {
    for (const event of events) flushes.push(...tracker.add(event))
  }
  return [...flushes, ...tracker.finish()]
}

/** The rules that every recording with probes obeys, counted. */
function rules(flushes: readonly Flush[]): Readonly<Record<string, number>> {
  const tally = new Tally<string>('')
  for (const flush of flushes) {
    decision(flush, tally)
    const full = flush.info?.end === TLB_FLUSH_ALL
    if (flush.local !== undefined) tally.add(outcome(flush.local, full))
    const { remote } = flush
    if (remote === undefined) continue
    if (remote.sent !== undefined) {
      const { start = 0, end = 0 } = flush.info ?? {}
      tally.add(`sent pages ${remote.sent.pages === (full ? -1 : (end - start) / 4096) ? 'ok' : 'WRONG'}`)
      targets(flush, tally)
    }
    for (const handling of remote.handlers) {
      tally.add(`inside ${handling.context}`)
      tally.add(handling.afterReturn ? 'handler AFTER RETURN' : 'handler before return')
      tally.add(outcome(handling, full))
    }
  }
  return tally.toJSON()
}

function decision({ request, info }: Flush, tally: Tally<string>): void {
  if (request === undefined) return
  if (info === undefined) {
    tally.add('nobody to flush')
    return
  }
  const full = exceedsCeiling(request.start, request.end, request.stride, 33)
  const ok = full === (info.end === TLB_FLUSH_ALL)
  tally.add(`decided ${full ? 'full' : 'range'}${ok ? '' : ' WRONG'}`)
}

function targets(flush: Flush, tally: Tally<string>): void {
  const { remote, info } = flush
  if (remote === undefined) return
  const mask = remote.mask & ~(1n << BigInt(remote.at.cpu))
  const handled = handledOn(flush)
  const [asked, done] = [weight(mask), weight(handled)]
  const how = done === asked ? 'all of mask' : done < asked ? 'fewer than mask' : 'more than mask'
  tally.add(`${info?.freed === true ? 'freed' : 'not freed'}: ${how}`)
  if ((handled & ~mask) !== 0n) tally.add('outside of mask', weight(handled & ~mask))
}

function outcome(handling: Handling, full: boolean): string {
  if (handling.outcome !== 'flushed') return `handler: ${handling.outcome}`
  if (full) return handling.pages === -1 ? 'handler: full' : 'handler: RANGE OF FULL'
  return handling.pages === -1 ? 'handler: range to full' : 'handler: range'
}

describe('the flushes of a recording with probes', () => {
  it('obey the rules of Linux 6.1 on 4 CPUs', async () => {
    expect(rules(await flushesOf('linux-6.1_4vcpu_rich.trace.txt.gz'))).toEqual({
      'decided full': 451,
      'decided range': 1999,
      'nobody to flush': 3,
      'sent pages ok': 2345,
      'freed: all of mask': 142,
      'not freed: all of mask': 132,
      'not freed: fewer than mask': 2071,
      'inside call_function': 803,
      'inside call_function_single': 710,
      'handler before return': 1513,
      'handler: nothing': 1 + 62,
      'handler: full': 899,
      'handler: left mm': 169,
      'handler: range to full': 26,
      'handler: range': 2806,
    })
  })

  it('obey the rules of Linux 6.12 on 8 CPUs, with one lost probe, a grown mask, and a run from the idle loop', async () => {
    expect(rules(await flushesOf('linux-6.12_8vcpu_rich.trace.txt.gz'))).toEqual({
      'decided full': 224,
      'decided range': 1264,
      'nobody to flush': 3,
      'sent pages ok': 1411,
      'freed: fewer than mask': 1,
      'freed: all of mask': 86,
      'not freed: all of mask': 38,
      'not freed: fewer than mask': 1286,
      'outside of mask': 1,
      'inside no interrupt': 1,
      'inside call_function': 1476,
      'inside call_function_single': 469,
      'handler before return': 1946,
      'handler: nothing': 19 + 300,
      'handler: full': 442,
      'handler: left mm': 185,
      'handler: range to full': 213,
      'handler: range': 2277,
    })
  })

  it('are queued as often as csd events say, five probes being lost', async () => {
    const flushes = await flushesOf('linux-6.12_8vcpu_rich.trace.txt.gz')
    const queued = flushes.reduce((sum, { remote }) => sum + (remote?.queued.length ?? 0), 0)
    const handled = flushes.reduce((sum, { remote }) => sum + (remote?.handlers.length ?? 0), 0)
    expect([queued, handled]).toEqual([1951, 1946])
  })

  it('interrupt nobody on Xen, where the initiator is in every mask', async () => {
    const flushes = await flushesOf('xen417pv-6.1_4vcpu_rich.trace.txt.gz')
    expect(rules(flushes)).toEqual({
      'decided full': 149,
      'decided range': 468,
      'nobody to flush': 6,
      'handler: full': 5,
      'handler: range': 42,
    })
    const remote = flushes.filter((flush) => reach(flush) === 'remote')
    expect(remote.length).toBe(570)
    for (const flush of remote) {
      expect(flush.remote?.backend).toBe('xen')
      expect(flush.remote?.paravirtual?.ncpus).toBe(weight(flush.remote?.mask ?? 0n))
      expect((flush.remote?.mask ?? 0n) & (1n << BigInt(flush.remote?.at.cpu ?? 0))).not.toBe(0n)
    }
  })

  it('go through both backends on KVM', async () => {
    const flushes = await flushesOf('kvmpv-linux-6.12_4vcpu_rich.guest.trace.txt.gz')
    const remote = flushes.filter((flush) => reach(flush) === 'remote')
    expect(remote.length).toBe(3333)
    expect(remote.filter((flush) => flush.remote?.nativeMask === undefined)).toEqual([])
  })
})

describe('the TLB row of /proc/interrupts', () => {
  it.each([
    ['linux-6.1_4vcpu_rich', 1513, 0],
    ['linux-6.1_4vcpu_ccpf', 10, 0],
    ['linux-6.12_8vcpu_rich', 1946, 5],
  ])('counts the executions of %s, those included whose probe was lost', async (name, probed, lost) => {
    const tracker = new FlushTracker()
    let executed = 0
    const count = ({ remote }: Flush) => {
      executed += remote?.handlers.length ?? 0
    }
    for await (const events of readTrace(recording(`${name}.trace.txt.gz`))) {
      for (const event of events) tracker.add(event).forEach(count)
    }
    tracker.finish().forEach(count)
    expect([executed, tracker.lost.length]).toEqual([probed, lost])
    const sidecar = JSON.parse(readFileSync(recording(`${name}.json`), 'utf8'))
    const row = (sidecar.proc_interrupts_delta.TLB as readonly number[]).reduce((sum, n) => sum + n, 0)
    expect(row).toBe(probed + lost)
  })
})

describe('a flush on task switch', () => {
  it('belongs to a switch, to a lazy CPU in a handler, or to an exec', async () => {
    const switches: Switch[] = []
    const tracker = new FlushTracker({ onSwitch: (step) => switches.push(step) })
    const left = new Tally<string>('')
    let all = 0
    let execs = 0
    for await (const events of readTrace(recording('linux-6.1_4vcpu_rich.trace.txt.gz'))) {
      for (const event of events) {
        if (event.kind === 'tlb_flush' && event.reason === 0) all++
        if (event.kind === 'sched_process_exec') execs++
        for (const flush of tracker.add(event)) countLeft(flush, left)
      }
    }
    for (const flush of tracker.finish()) countLeft(flush, left)
    const flushed = switches.filter((step) => step.flushed)
    expect(switches.length).toBe(6103)
    expect(left.get('left mm')).toBe(169)
    expect(all).toBe(1330)
    expect(all - flushed.length - left.get('left mm')).toBe(execs)
    expect(flushed.filter((step) => step.next.pid === 0)).toEqual([])
  })
})

function countLeft({ local, remote }: Flush, tally: Tally<string>): void {
  for (const handling of [local, ...(remote?.handlers ?? [])]) {
    if (handling !== undefined) tally.add(handling.outcome)
  }
}

/** One line of a made-up recording. */
function at(cpu: number, pid: number, event: string): string {
  return `            task-${pid}     [00${cpu}] d..2.     1.00000${cpu}: ${event}\n`
}
const RANGE = 'mm=0xff00 start=0x1000 end=0x2000'

describe('a flush put together', () => {
  it('belongs to its task, which may migrate before it flushes', () => {
    const tracker = new FlushTracker()
    const text =
      at(0, 7, `flush_range: (f+0x0/0x1) ${RANGE} stride=12 freed=0`) +
      at(
        0,
        7,
        'sched_switch: prev_comm=task prev_pid=7 prev_prio=120 prev_state=R ==> next_comm=b next_pid=8 next_prio=120',
      ) +
      at(0, 8, `flush_range: (f+0x0/0x1) ${RANGE} stride=12 freed=0`) +
      at(1, 7, `flush_func: (f+0x0/0x1) ${RANGE} gen=3 cpu=1 stride=12 freed=0`) +
      at(1, 7, 'tlb_flush: pages:1 reason:local mm shootdown (3)')
    const flushes = [...eventsOf(text).flatMap((event) => tracker.add(event)), ...tracker.finish()]
    expect(flushes.map(reach).sort()).toEqual(['local', 'nobody'])
    const own = flushes.find((flush) => reach(flush) === 'local')
    expect(own?.request?.at.cpu).toBe(0)
    expect(own?.local).toMatchObject({ outcome: 'flushed', pages: 1, context: 'initiator' })
  })

  it('does not take the handler of another flush for its own', () => {
    const tracker = new FlushTracker()
    const text =
      at(0, 7, `flush_range: (f+0x0/0x1) ${RANGE} stride=12 freed=0`) +
      at(0, 7, 'call_function_single_entry: vector=251') +
      at(0, 7, `flush_func: (f+0x0/0x1) ${RANGE} gen=4 cpu=1 stride=12 freed=0`) +
      at(0, 7, 'tlb_flush: pages:1 reason:remote shootdown (1)') +
      at(0, 7, 'call_function_single_exit: vector=251') +
      at(0, 7, `multi: (f+0x0/0x1) mask=0x3 ${RANGE} gen=5 cpu=0 stride=12 freed=0`) +
      at(0, 7, 'tlb_flush: pages:1 reason:remote ipi send (4)') +
      at(1, 9, 'call_function_single_entry: vector=251') +
      at(1, 9, `flush_func: (f+0x0/0x1) ${RANGE} gen=5 cpu=0 stride=12 freed=0`) +
      at(1, 9, 'call_function_single_exit: vector=251') +
      at(0, 7, 'multi_ret: (f+0x0/0x1 <- g)')
    const flushes = [...eventsOf(text).flatMap((event) => tracker.add(event)), ...tracker.finish()]
    expect(flushes.length).toBe(1)
    expect(flushes[0]).toMatchObject({ info: { gen: 5 }, remote: { sent: { pages: 1 } } })
    expect(flushes[0]?.remote?.handlers).toMatchObject([
      { context: 'call_function_single', outcome: 'nothing', afterReturn: false },
    ])
  })
})

describe('the ceiling', () => {
  it('is 33 entries of the stride', () => {
    expect(exceedsCeiling(0, 33 * 4096, 12, 33)).toBe(false)
    expect(exceedsCeiling(0, 34 * 4096, 12, 33)).toBe(true)
    expect(exceedsCeiling(0, 2 ** 21, 21, 33)).toBe(false)
    expect(exceedsCeiling(0, TLB_FLUSH_ALL, 12, 33)).toBe(true)
  })
})
