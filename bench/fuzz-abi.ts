/**
 * Fuzzes every reader, the four dispatchers and the explanations with mutated calls. Run:
 * `node bench/fuzz-abi.ts [seconds] [seed]`. Inputs whose outcome (profile, end, status, reason) is new are kept and
 * mutated further. It fails on any exception of the runtime's, on an input that takes longer than 100 ms, and when the
 * heap has grown after a garbage collection.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as abi from '../src/abi/index.ts'
import { bytesOfContent } from '../src/cli/hex-input.ts'
import { UsageError } from '../src/core/errors.ts'
import { planHypercall } from '../src/hypervisor/hyperv/dispatch.ts'
import {
  type CallerMode,
  callerOn,
  type HypercallCall,
  type PartitionFacts,
  PROFILE_NAMES,
  partitionOf,
} from '../src/hypervisor/hyperv/partition.ts'
import { explainHypercall } from '../src/report/hypercall-document.ts'
import { hypercallText } from '../src/report/hypercall-text.ts'
import { PLAIN } from '../src/report/style.ts'

const seconds = Number(process.argv[2] ?? 60)
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31))
const SLOW_MS = 100
/** The heap may grow by this much between the first tenth of the run and its end. */
const HEAP_SLACK = 8 * 2 ** 20

let state = seed >>> 0
/** xorshift32: the whole run follows from the seed. */
function random(below: number): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % below
}

function word(): bigint {
  const interesting = [
    0n,
    1n,
    2n,
    3n,
    4n,
    0xfffn,
    0x1000n,
    0x8000_0000n,
    0xffff_ffffn,
    1n << 63n,
    abi.U64_MAX,
  ]
  if (random(3) > 0) return interesting[random(interesting.length)] ?? 0n
  return (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32))
}

/** One input: a control word, an address, and a page of bytes that also serve as registers. */
interface Input {
  readonly control: bigint
  readonly gpa: bigint
  readonly bytes: Uint8Array
  readonly knobs: number
}

function mutate(input: Input): Input {
  const bytes = input.bytes.slice(0, random(20) === 0 ? random(input.bytes.length + 1) : input.bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let k = random(4); k >= 0 && bytes.length >= 8; k--) {
    if (random(2) === 0) bytes[random(bytes.length)] = random(256)
    else view.setBigUint64(8 * random(bytes.length >> 3), word(), true)
  }
  const flips = [0, 16, 17, 18, 19, 31, 32, 33, 34, 35, 43, 48, 49, 59, 60, 63, 27, 44]
  let { control } = input
  for (let k = random(3); k > 0; k--) control ^= 1n << BigInt(flips[random(flips.length)] ?? 0)
  if (random(8) === 0) control = (control & ~0xffffn) | BigInt(abi.CALL_SHAPES[random(8)]?.code ?? 0)
  const gpa = random(6) === 0 ? word() : 0x10000n + BigInt(random(4) === 0 ? random(4096) : 0)
  return { control, gpa, bytes, knobs: random(3) === 0 ? random(2 ** 32) : input.knobs }
}

function callOf({ control, gpa, bytes, knobs }: Input): HypercallCall {
  const page = new Uint8Array(4096)
  page.set(bytes.subarray(0, 4096))
  const view = new DataView(page.buffer)
  const modes: CallerMode[] = ['long64', 'long64', 'long64', 'protected32', 'protected16', 'real']
  const nested =
    (knobs & 0xf0) === 0x10 ? { vmId: 1, tlbLockCount: (knobs & 1) === 0 ? null : knobs & 3 } : null
  const isFast = (control & 0x1_0000n) !== 0n
  return {
    registers: {
      rcx: control,
      rdx: isFast ? view.getBigUint64(0, true) : gpa,
      r8: view.getBigUint64(8, true),
      xmm: Array.from({ length: 12 }, (_, k) => view.getBigUint64(16 + 8 * k, true)),
    },
    memory: (at, length) => {
      const offset = Number(at - 0x10000n)
      return offset >= 0 && offset + length <= bytes.length ? bytes.subarray(offset, offset + length) : null
    },
    caller: callerOn(knobs & 3, {
      mode: modes[(knobs >>> 8) % 6] ?? 'long64',
      cpl: (knobs & 0xf000) === 0 ? 3 : 0,
      eaxBit31: (knobs & 0xf0000) !== 0,
      nested,
    }),
  }
}

function partitionFor({ knobs }: Input): PartitionFacts {
  const base = partitionOf([0, 1, 2, 3, 65, 130, 4095])
  const features = {
    ...base.features,
    extendedGvaRanges: (knobs & 0x100000) !== 0,
    xmmFastInput: (knobs & 0x200000) !== 0,
  }
  return {
    ...base,
    features,
    enforceCpuid: (knobs & 0x400000) !== 0,
    repBudget: (knobs & 0x800000) !== 0 ? knobs & 7 : null,
    tlbLockedVps: (knobs & 0x1000000) !== 0 ? [2, 65] : [],
    semantics: (knobs & 0x2000000) !== 0 ? 'exact' : 'profile',
    openvmm: { backend: (knobs & 0x4000000) !== 0 ? 'tdx' : 'snp' },
    xen: { maxVcpus: 128, flush: (knobs & 0x8000000) !== 0 ? 'contended' : 'free' },
    kvm: { ...base.kvm, nestedVps: [{ vp: 0, vmId: 1, vpId: 3 }] },
  }
}

/** Everything that reads; gives the outcomes of the dispatchers, to tell new behaviour. */
function exercise(input: Input): string[] {
  const { bytes, control } = input
  const low = control & 0xffffffffn
  abi.decodeMmuextOp(bytes)
  abi.decodeStealTime(bytes)
  abi.decodeVpAssistPage(bytes)
  abi.decodeVcpuMask(bytes, 1 + (input.knobs & 0xff))
  abi.decodeGuestOsId(control)
  abi.decodeHypercallMsr(control)
  abi.decodeResultWord(control)
  abi.decodeUpdateVaMappingFlags(control)
  abi.decodeKvmSendIpi({ rax: 10n, rbx: control, rcx: low, rdx: input.gpa, rsi: 0n })
  for (const format of ['legacy', 'extended'] as const) abi.decodeGvaRange(control, format)
  for (const fill of [abi.fillGvaList, abi.fillGvaList2017, abi.fillGvaListExact, abi.fillGvaListExtended]) {
    fill(control, input.gpa, 20)
  }
  const call = callOf(input)
  const partition = partitionFor(input)
  const outcomes = PROFILE_NAMES.map((profile) => {
    const plan = planHypercall(profile, call, partition)
    // Numbers out: what is new is a new answer, not a new call code.
    return `${profile} ${plan.kind} ${plan.reason.replace(/0x[0-9a-f]+|[0-9]+/g, 'N')}`
  })
  if (random(16) === 0) {
    const text = hypercallText(explainHypercall(call, partition, PROFILE_NAMES), PLAIN)
    const content = random(2) === 0 ? bytes : new TextEncoder().encode(text.slice(0, random(200)))
    try {
      bytesOfContent(content, 'fuzz')
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
    }
  }
  return outcomes
}

function seeds(): Input[] {
  const calls: abi.FlushInput[] = [
    { call: 'space', addressSpace: 0x1234000n, flags: 0n, processorMask: 5n },
    {
      call: 'list',
      addressSpace: 0n,
      flags: 2n,
      processorMask: 4n,
      gvaList: [0x7f0012345000n, 0x7f0000000fffn],
    },
    { call: 'space-ex', addressSpace: 0n, flags: 2n, vpSet: abi.vpSetOf([2, 65]) },
    { call: 'list-ex', addressSpace: 0n, flags: 2n, vpSet: abi.vpSetOf([2, 65, 130]), gvaList: [0x400002n] },
    {
      call: 'list',
      addressSpace: 0n,
      flags: 10n,
      processorMask: 1n,
      gvaList: [0x7f0000200802n, 0x7f0040001800n],
    },
    { call: 'gpa-list', addressSpace: 0n, flags: 0n, gvaList: [0x1000n] },
  ]
  const ipi = abi.encodeIpiInput({
    call: 'ipi-ex',
    vector: 0xfe,
    targetVtl: 0,
    reserved: 0,
    vpSet: abi.vpSetOf([2]),
  })
  return [...calls.map(abi.encodeFlushInput), ipi].map((call) => {
    const bytes = new Uint8Array(4096)
    bytes.set(call.bytes)
    return { control: call.control, gpa: 0x10000n, bytes, knobs: 0x30_f100 }
  })
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
function heapAfterCollection(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Kept inputs; bounded, so that what is measured as growth is not the corpus. */
const corpus = seeds()
const MOST_KEPT = 500
const seen = new Set<string>()
const started = performance.now()
let runs = 0
let heapBefore = 0
let slowest = 0
while (performance.now() - started < seconds * 1000) {
  for (let k = 0; k < 2000; k++) {
    const input = mutate(corpus[random(corpus.length)] ?? corpus[0]!)
    const began = performance.now()
    let outcomes: string[]
    try {
      outcomes = exercise(input)
    } catch (error) {
      console.error(`FAILED after ${runs} inputs, seed ${seed}: control ${abi.hex64(input.control)}`)
      console.error(
        `gpa ${abi.hex64(input.gpa)} knobs ${input.knobs} bytes ${Buffer.from(input.bytes).toString('hex')}`,
      )
      throw error
    }
    let took = performance.now() - began
    // The machine may have been busy: an input is slow only if it is slow again.
    for (let again = 0; again < 3 && took > SLOW_MS; again++) {
      const retried = performance.now()
      exercise(input)
      took = Math.min(took, performance.now() - retried)
    }
    slowest = Math.max(slowest, took)
    runs++
    const isNew = outcomes.some((outcome) => !seen.has(outcome) && seen.size < 10_000)
    for (const outcome of outcomes) if (seen.size < 10_000) seen.add(outcome)
    if (isNew && corpus.length < MOST_KEPT) corpus.push(input)
  }
  if (heapBefore === 0 && performance.now() - started > seconds * 100) heapBefore = heapAfterCollection()
}
const growth = heapAfterCollection() - heapBefore
const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
console.log(
  `seed ${seed}: ${runs} inputs in ${seconds} s, ${seen.size} different outcomes, ${corpus.length} kept`,
)
console.log(
  `slowest input ${slowest.toFixed(1)} ms, heap ${megabytes(heapBefore)} MB then ${growth < 0 ? '' : '+'}${megabytes(growth)} MB`,
)
if (slowest > SLOW_MS || growth > HEAP_SLACK) {
  console.error('FAILED: an input was too slow, or the heap has grown')
  process.exitCode = 1
} else {
  console.log('no exception, no hang, no growth')
}
