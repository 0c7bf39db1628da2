/** `shootdown verify`: confirms certificates of safe verdicts. */
import type { Command } from 'commander'
import { OPTION_FLAGS } from '../report/options-text.ts'
import type { Confirmation } from '../run/certificates.ts'
import type { ScenarioOptions } from '../scenarios/scenario.ts'

const EPILOGUE = `
  shootdown check thread --cpus 3 --certificate thread.cert
  shootdown verify thread.cert

What is checked, and why it is a proof: docs/certificate.md.

Exit status: 0 all confirmed, 1 a certificate is refused, 2 the input or usage is wrong.`

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description('confirm certificates of safe verdicts, by a checker that shares nothing with the engines')
    .argument('<file...>', "certificates, from 'shootdown check --certificate'")
    .addHelpText('after', EPILOGUE)
    .action(async (files: readonly string[]) => {
      process.exitCode = await runVerify(files)
    })
}

async function runVerify(files: readonly string[]): Promise<number> {
  const { verifyFile } = await import('../run/certificates.ts')
  let status = 0
  for (const file of files) {
    const answer = await verifyFile(file)
    if ('refused' in answer) status = 1
    const text = 'refused' in answer ? `refused: ${answer.refused}` : confirmed(answer)
    process.stdout.write(`${file}: ${text}\n`)
  }
  return status
}

function confirmed({ certificate, bounds, verified, unreduced }: Confirmation): string {
  const number = (n: number) => n.toLocaleString('en-US')
  const options = Object.entries(certificate.options).map(
    ([option, value]) => `${OPTION_FLAGS[option as keyof ScenarioOptions]} ${value}`,
  )
  const { states, transitions, nodes, complete, cycles } = verified
  return [
    `confirmed: ${certificate.scenario} is safe`,
    `  ${options.join(' ')}`,
    `  ${number(states)} states, ${number(transitions)} transitions, ${number(nodes)} nodes of automata`,
    `  sets closed under the dependence rule in ${number(states - complete)} states, everything explored in ${number(complete)}`,
    cycles
      ? '  cycles: in each state something is expanded later'
      : '  no cycles: nothing is put off for ever',
    unreduced === undefined
      ? '  too large to be explored without reduction'
      : `  also explored without reduction: ${number(unreduced)} states, safe`,
    ...bounds.map((bound) => `  bound: ${bound}`),
  ].join('\n')
}
