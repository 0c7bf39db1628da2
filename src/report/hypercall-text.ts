/** A hypercall explained, for people: the fields as aligned columns, then one block for each hypervisor. */
import type { HypercallDocument, ProfileDocument, ScopeDocument } from './hypercall-document.ts'
import { type FieldDocument, vpsText } from './hypercall-fields.ts'
import type { Style } from './style.ts'

export function hypercallText(doc: HypercallDocument, style: Style): string {
  const lines = [
    `${style.bold('control word')}  ${doc.control}  ${doc.call}`,
    ...fieldLines(doc.controlFields),
    '',
    `${style.bold('input')}  ${doc.inputBytes} bytes`,
    ...fieldLines(doc.inputFields),
    ...(doc.inputError === undefined ? [] : [`  ${style.bad(doc.inputError)}`]),
    '',
  ]
  if (doc.asked !== undefined) lines.push(`${style.bold('asks for')}  ${scopeText(doc.asked)}`, '')
  if (doc.profiles.length === 0) {
    lines.push('give the input bytes to see what is flushed and what each hypervisor answers')
    return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
  }
  const partition = `partition with ${vpsText(doc.partition.vps)}, called from VP ${doc.partition.caller}`
  lines.push(`${style.bold('answers')}  (${partition})`)
  for (const profile of doc.profiles) lines.push(...profileLines(profile, style))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function fieldLines(fields: readonly FieldDocument[]): string[] {
  const width = (pick: (field: FieldDocument) => string): number =>
    Math.max(0, ...fields.map((field) => pick(field).length))
  const [at, name, value] = [width((f) => f.at), width((f) => f.name), width((f) => f.value)]
  return fields.map(
    (f) => `  ${f.at.padEnd(at)}  ${f.name.padEnd(name)}  ${f.value.padEnd(value)}  ${f.meaning}`,
  )
}

function profileLines(answer: ProfileDocument, style: Style): string[] {
  const good = answer.kind === 'complete' && answer.status === 0
  const outcome = good ? style.good(answer.outcome) : style.warn(answer.outcome)
  const register = answer.rax === undefined ? '' : `  RAX ${answer.rax}`
  const again = answer.rcx === undefined ? '' : `  RCX ${answer.rcx}`
  const lines = [`  ${answer.profile.padEnd(8)} ${outcome}${register}${again}`, `           ${answer.reason}`]
  if (answer.flush !== undefined) lines.push(`           ${flushText(answer, answer.flush, style)}`)
  if (answer.ipi !== undefined) {
    lines.push(`           interrupts ${vpsText(answer.ipi.vps)} with vector ${answer.ipi.vector}`)
  }
  return lines
}

function flushText(answer: ProfileDocument, flush: ScopeDocument, style: Style): string {
  if (answer.compared === 'as asked') return 'flushes what was asked'
  const less = answer.compared === 'LESS than asked' ? ` ${style.bad('(LESS than asked)')}` : ''
  return `flushes ${scopeText(flush)}${less}`
}

/** At most this many runs are spelled out. */
const MOST_RUNS = 4

export function scopeText(scope: ScopeDocument): string {
  const space = scope.addressSpace === 'all' ? 'every address space' : `address space ${scope.addressSpace}`
  const globals = scope.globals === 'may-survive' ? ', global translations may survive' : ''
  return `${vpsText(scope.vps)}: ${pagesText(scope.pages)} of ${space}${globals}`
}

function pagesText(pages: ScopeDocument['pages']): string {
  if (pages === 'all') return 'everything'
  const total = pages.reduce((sum, run) => sum + run.pages, 0)
  if (total === 0) return 'nothing'
  const runs = pages.slice(0, MOST_RUNS).map((run) => `${run.start}-${run.last}`)
  const more = pages.length > MOST_RUNS ? `, and ${pages.length - MOST_RUNS} more` : ''
  return `${total} page${total === 1 ? '' : 's'} (${runs.join(', ')}${more})`
}
