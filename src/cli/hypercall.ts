import { type Command, InvalidArgumentError } from 'commander'
import type { DecodeOptions } from './hypercall-decode.ts'
import type { EncodeOptions } from './hypercall-encode.ts'
import type { ProveOptions } from './hypercall-prove.ts'
import type { RegisterCommand } from './register.ts'

/** `shootdown hypercall`: flush and IPI calls of Hyper-V, Xen and KVM, between bytes and words. */
export const registerHypercall: RegisterCommand = (program) => {
  const hypercall = program
    .command('hypercall')
    .description('decode, encode and prove the hypercalls that flush TLBs')
  registerDecode(hypercall)
  registerEncode(hypercall)
  registerProve(hypercall)
}

function registerDecode(hypercall: Command): void {
  hypercall
    .command('decode')
    .description('explain a call: every field, what it flushes where, what each hypervisor answers')
    .argument('[input]', 'input bytes: hex, a file (dump or binary), or - for standard input')
    .option('-c, --control <word>', 'control word, RCX')
    .option('--rdx <word>', 'RDX: address of the input, or its bytes 0-7 in a fast call')
    .option('--r8 <word>', 'R8: bytes 8-15 of a fast call')
    .option('--xmm <words>', 'XMM0 low, XMM0 high, XMM1 low, ... of a fast call', listOf)
    .option('--as <structure>', 'decode something else; `--as help` lists what')
    .option('--vps <list>', 'VPs that exist, like 0-3,65 (default: up to the highest that is named)')
    .option('--caller <vp>', 'VP that makes the call', '0')
    .option('--profile <names>', 'tlfs, kvm, openvmm, xen', listOf)
    .option('--enforce-cpuid', 'KVM enforces what CPUID grants')
    .option('--without <features>', 'CPUID bits that are not there, like xmmFastInput', listOf)
    .option('--with <features>', 'CPUID bits that are there, like extendedGvaRanges', listOf)
    .option('--cpl <level>', 'privilege level of the caller', '0')
    .option('--mode <mode>', 'real, protected16, protected32 or long64', 'long64')
    .option('--json', 'print one JSON document')
    .action(async (input: string | undefined, options: DecodeOptions) => {
      const { runDecode } = await import('./hypercall-decode.ts')
      process.stdout.write(await runDecode(input, options, process.stdout))
    })
}

function registerEncode(hypercall: Command): void {
  hypercall
    .command('encode')
    .description('control word, registers and input bytes of a call from readable arguments')
    .argument('<call>', 'space, list, space-ex, list-ex, ipi, ipi-ex, or - for JSON on standard input')
    .option('--address-space <cr3>', 'page-table root')
    .option('--all-processors', 'flag ALL_PROCESSORS')
    .option('--all-spaces', 'flag ALL_VIRTUAL_ADDRESS_SPACES')
    .option('--non-global', 'flag NON_GLOBAL_MAPPINGS_ONLY')
    .option('--extended', 'flag USE_EXTENDED_RANGE_FORMAT: ranges in the extended format')
    .option('--flags <word>', 'more flag bits')
    .option('--vps <list>', 'target VPs like 0,4-6, or `all` for set format ALL')
    .option('--dense', 'VP set with every bank up to the highest, as Linux sends it')
    .option('--range <range>', 'START+PAGES or START-END in hex addresses; repeatable', collect, [])
    .option('--element <word>', 'a list element as it is; repeatable', collect, [])
    .option('--vector <vector>', 'interrupt vector of an IPI')
    .option('--rep-start <n>', 'first element to do')
    .option('--fast', 'register form')
    .option('--gpa <address>', 'address of the input page in the memory form', '0x10000')
    .option('--json', 'print one JSON document')
    .action(async (call: string, options: EncodeOptions) => {
      const { runEncode } = await import('./hypercall-encode.ts')
      process.stdout.write(await runEncode(call, options))
    })
}

function registerProve(hypercall: Command): void {
  hypercall
    .command('prove')
    .description('the range encoding proved for every 64-bit start and end, and its old faults found')
    .argument('[builder...]', '2017, today, exact, extended, extended-1g (default: all)')
    .option('--timeout <seconds>', 'give up on a single question after this long', seconds, 60)
    .option('--json', 'print one JSON document')
    .action(async (builders: string[], options: ProveOptions) => {
      const { runProve } = await import('./hypercall-prove.ts')
      process.exitCode = await runProve(builders, options, process.stdout)
    })
}

function listOf(text: string): string[] {
  return text.split(',').map((part) => part.trim())
}

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value]
}

function seconds(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('a number of seconds above 0 is needed.')
}
