import type { CheckedRecording } from './check-recording.ts'
import { DECISIONS, RACES, STANDINGS } from './decisions.ts'
import { outcomesOf, pairTotals } from './pair-outcome.ts'

/** The JSON document of `trace check --json`; `docs/trace.md` describes it. */
export function checkTraceDocument(checked: readonly CheckedRecording[]) {
  const unexplained = checked.reduce((sum, { findings }) => sum + findings.total('unexplained'), 0)
  return { schema: 'shootdown-trace-check/1', unexplained, recordings: checked.map(recordingDocument) }
}

function recordingDocument({ name, file, findings, hasProbes, decoder, pair }: CheckedRecording) {
  const decisions = DECISIONS.map((decision) => [
    decision,
    Object.fromEntries(STANDINGS.map((standing) => [standing, findings.count(decision, standing)])),
  ])
  const races = findings.races.map(([race, count]) => ({ race, count, scenario: RACES[race] }))
  return {
    name,
    file,
    hasProbes,
    events: decoder.events,
    brokenLines: decoder.brokenCount,
    lostEvents: decoder.lost,
    checked: findings.checked,
    totals: Object.fromEntries(STANDINGS.map((standing) => [standing, findings.total(standing)])),
    decisions: Object.fromEntries(decisions),
    races,
    disagreements: findings.disagreements,
    ...(pair && {
      pair: { totals: pairTotals(pair), flushes: [...pair.flushes.values()].map(flushDocument) },
    }),
  }
}

function flushDocument(checked: Parameters<typeof outcomesOf>[0]) {
  const { guest, call, returned } = checked.flush
  const { event, info } = guest
  const { targets, request } = call ?? {}
  return {
    line: event.at.line,
    cpu: event.at.cpu,
    start: `0x${event.start.toString(16)}`,
    end: event.end >= 2 ** 64 ? 'all' : `0x${event.end.toString(16)}`,
    cpusInMask: event.ncpus,
    generation: info?.gen ?? null,
    freedTables: info?.freed ?? null,
    returnedLine: returned?.line ?? null,
    call:
      call === undefined
        ? null
        : {
            hostLine: call.at.line,
            name: call.call,
            code: call.code,
            flags: hex(call.flags),
            addressSpace: hex(call.addressSpace),
            entries: call.repCount,
            form: targets?.form ?? null,
            ...(targets?.form === 'mask' && { mask: hex(targets.mask) }),
            ...(targets?.form === 'banks' && {
              validBankMask: hex(targets.validBankMask),
              banks: call.variableHeaderSize,
            }),
            request: request === undefined ? null : request.mask === 'all' ? 'all' : hex(request.mask),
            cycles: call.done === undefined ? null : call.done.time - call.time,
          },
    vcpus: outcomesOf(checked).map(({ when, cycles, ...outcome }) => ({
      ...outcome,
      when: when ?? null,
      cycles: cycles ?? null,
    })),
  }
}

function hex(value: bigint | undefined): string | null {
  return value === undefined ? null : `0x${value.toString(16)}`
}
