import { describe, expect, it } from 'vitest'
import { OTHER_EVENTS, TraceDecoder } from '../../src/trace/decoder.ts'
import { MAX_LINE } from '../../src/trace/lines.ts'
import { decoderOf, eventsOf, ftraceLine } from './decode.ts'

const FLUSH = 'tlb_flush: pages:3 reason:remote ipi send (4)'

describe('the name of a task', () => {
  it.each([
    ['Web Content', '     Web Content-357     '],
    ['a-b-1', '           a-b-1-357     '],
    ['kworker/u8:3', '    kworker/u8:3-357     '],
    ['x [000] 1.0: e:', ' x [000] 1.0: e:-357     '],
    ['ünïcode', '       ünïcode-357     '],
    ['-', '               --357     '],
  ])('%s is kept whole', (comm, head) => {
    const [event] = eventsOf(`${head} [001] d..2.   106.458314: ${FLUSH}\n`)
    expect(event?.at).toMatchObject({ comm, pid: 357, cpu: 1 })
  })
})

describe('a recording', () => {
  it('has lines numbered from 1, headers and empty lines included', () => {
    const events = eventsOf(`# tracer: nop\n#\n\n${ftraceLine(FLUSH)}${ftraceLine(FLUSH)}`)
    expect(events.map(({ at }) => at.line)).toEqual([4, 5])
  })

  it('says in its header how many CPUs there are and what was overwritten', () => {
    const decoder = decoderOf('# entries-in-buffer/entries-written: 10/25   #P:8\n')
    expect(decoder).toMatchObject({ entriesInBuffer: 10, entriesWritten: 25, processors: 8 })
  })

  it('may end without an end of line, and have carriage returns', () => {
    const line = ftraceLine('sys_munmap -> 0x0').trimEnd()
    expect(eventsOf(`${line}\r\n${line}`).length).toBe(2)
  })

  it('is the same however it is cut into chunks', () => {
    const text = Buffer.from(ftraceLine(FLUSH) + ftraceLine('vflush: (a)') + ftraceLine('sys_munmap -> 0x0'))
    const whole = eventsOf(text.toString())
    for (let cut = 1; cut < text.length; cut++) {
      const decoder = new TraceDecoder()
      const events = [
        ...decoder.push(text.subarray(0, cut)),
        ...decoder.push(text.subarray(cut)),
        ...decoder.finish(),
      ]
      expect(events).toEqual(whole)
    }
  })

  it('may tell of lost events, in the words of trace_pipe and of trace-cmd', () => {
    const decoder = decoderOf(
      `CPU:2 [LOST 123 EVENTS]\n${ftraceLine(FLUSH)}CPU:1 [7 EVENTS DROPPED]\nCPU:0 [EVENTS DROPPED]\n##### CPU 3 buffer started ####\n`,
    )
    expect(decoder).toMatchObject({ lost: 131, brokenCount: 0, events: 1 })
  })

  it('may have call chains and the lines of trace-cmd between events', () => {
    const decoder = decoderOf(
      `cpus=4\nCPU 1 is empty\n${ftraceLine(FLUSH)}\tffffffff8a0 schedule+0x0 ([kernel.kallsyms])\n => do_syscall_64\n`,
    )
    expect(decoder).toMatchObject({ brokenCount: 0, events: 1 })
  })
})

describe('an unknown event', () => {
  it('is counted under its name and passed over', () => {
    const decoder = decoderOf(
      ftraceLine('sched_waking: comm=a pid=1') + ftraceLine('sys_futex(uaddr: 0)') + ftraceLine(FLUSH),
    )
    expect([...decoder.unknown]).toEqual([
      ['sched_waking', 1],
      ['sys_enter_futex', 1],
    ])
    expect(decoder).toMatchObject({ events: 3, brokenCount: 0 })
  })

  it('costs no memory however many names there are', () => {
    const text = Array.from({ length: 3000 }, (_, i) => ftraceLine(`event_${i}: x`)).join('')
    const decoder = decoderOf(text)
    expect(decoder.unknown.size).toBe(1001)
    expect(decoder.unknown.get(OTHER_EVENTS)).toBe(2000)
  })
})

describe('a broken line', () => {
  it.each([
    ['no event', 'hello', 'not an event'],
    ['fields cut off', ftraceLine('tlb_flush: pages:3').trimEnd(), 'the fields of tlb_flush'],
    [
      'fields of nonsense',
      ftraceLine('flush_range: (a) mm=1 start=zz end=0x1 stride=1 freed=0').trimEnd(),
      'the fields of flush_range',
    ],
    [
      'a number too long',
      ftraceLine('kvm_hv_hypercall_done: result 0x12345678901234567').trimEnd(),
      'the fields of',
    ],
    ['a reason below 0', ftraceLine('tlb_flush: pages:1 reason:x (-5)').trimEnd(), 'the fields of tlb_flush'],
    ['no CPU', '            perf     7   106.458314:  tlb:tlb_flush: pages:1 reason:x (1)', 'not an event'],
    ['far too long', 'x'.repeat(MAX_LINE + 1), 'longer than'],
  ])('(%s) is reported with its number and does not stop the rest', (_, line, why) => {
    const decoder = decoderOf(`${ftraceLine(FLUSH)}${line}\n${ftraceLine(FLUSH)}`)
    expect(decoder.events).toBe(2)
    expect(decoder.broken).toEqual([{ line: 2, why: expect.stringContaining(why) }])
  })

  it('is one of another clock', () => {
    const decoder = decoderOf(ftraceLine(FLUSH) + ftraceLine(FLUSH).replace('106.458314', '106458314'))
    expect(decoder).toMatchObject({ events: 1, clock: 'us' })
    expect(decoder.broken).toEqual([{ line: 2, why: expect.stringContaining('clock') }])
  })

  it('is counted when there are many, and kept when there are few', () => {
    const decoder = decoderOf('x\n'.repeat(1000))
    expect(decoder.brokenCount).toBe(1000)
    expect(decoder.broken.length).toBe(20)
  })
})

describe('an integer clock', () => {
  it('counts cycles', () => {
    const decoder = new TraceDecoder()
    const [event] = decoder.push(Buffer.from(`            init-1       [003] d..2. 232160668692: ${FLUSH}\n`))
    expect(event?.at.time).toBe(232160668692)
    expect(decoder.clock).toBe('cycles')
  })
})
