/**
 * How many calls a second go through bytes: encode, decode, dispatch. Run: `node bench/abi.ts [seconds per case]`.
 * Each case is warmed up, then timed in rounds; the best of 50 short rounds counts, since other work on the
 * machine only slows.
 */
import {
  decodeControlWord,
  decodeFlushInput,
  decodeGvaRange,
  decodeGvaRangeWords,
  decodeResultWord,
  encodeControlWord,
  encodeFlushInput,
  encodeResultWord,
  type FlushInput,
  fillGvaList,
  fillGvaListExact,
  flushControlWord,
  makeFlushFields,
  memoryRegisters,
  readFlushFields,
  viewOf,
  vpSetOf,
  writeFlushFields,
  writeFlushInput,
} from '../src/abi/index.ts'
import { planHypercall } from '../src/hypervisor/hyperv/dispatch.ts'
import { callerOn, PROFILE_NAMES, partitionOf } from '../src/hypervisor/hyperv/partition.ts'

const ROUNDS = 50
const seconds = Number(process.argv[2] ?? 0.5)

const LIST: FlushInput = {
  call: 'list',
  addressSpace: 0x1234000n,
  flags: 0n,
  processorMask: 0x51n,
  gvaList: [0x7f0012345000n],
}
const LIST_EX: FlushInput = {
  call: 'list-ex',
  addressSpace: 0n,
  flags: 2n,
  vpSet: vpSetOf([2, 65]),
  gvaList: [0x400002n, 0x7ffff7dd0000n],
}
const LONG: FlushInput = {
  ...LIST,
  gvaList: Array.from({ length: 509 }, (_, k) => 0x7f0000000fffn + (BigInt(k) << 24n)),
}

const page = new Uint8Array(4096)
const view = viewOf(page)

/** One case: what is done once. The result is added up so that nothing can be optimised away. */
interface Case {
  readonly name: string
  run(k: number): number
}

function decodeCase(name: string, input: FlushInput): Case {
  const { control, bytes } = encodeFlushInput(input)
  return {
    name: `decode ${name}`,
    run: () => {
      const read = decodeFlushInput(decodeControlWord(control), bytes)
      return read.ok ? Number(read.value.flags & 0xffn) : -1
    },
  }
}

/** The path without bigints and without allocation. */
function fieldsCase(name: string, input: FlushInput): Case {
  const { control, bytes } = encodeFlushInput(input)
  const [low, high] = [Number(control & 0xffff_ffffn), Number(control >> 32n)]
  const [fields, from] = [makeFlushFields(), viewOf(bytes)]
  return {
    name: `read fields of ${name}`,
    run: () => (readFlushFields(fields, low, high, from, 0) === 'read' ? fields.flagsLow : -1),
  }
}

const listExFields = makeFlushFields()
{
  const { control, bytes } = encodeFlushInput(LIST_EX)
  readFlushFields(listExFields, Number(control & 0xffff_ffffn), Number(control >> 32n), viewOf(bytes), 0)
}

function dispatchCase(profile: (typeof PROFILE_NAMES)[number]): Case {
  const { control, bytes } = encodeFlushInput(LIST_EX)
  const partition = partitionOf([0, 1, 2, 3, 65, 66])
  const block = new Uint8Array(4096)
  block.set(bytes)
  const call = {
    registers: memoryRegisters(control, 0x10000n),
    memory: (gpa: bigint, length: number) =>
      block.subarray(Number(gpa) - 0x10000, Number(gpa) - 0x10000 + length),
    caller: callerOn(0),
  }
  return {
    name: `dispatch list-ex, ${profile}`,
    run: () => {
      const plan = planHypercall(profile, call, partition)
      return plan.kind === 'complete' ? plan.repsCompleted : -1
    },
  }
}

const CASES: readonly Case[] = [
  {
    name: 'encode control word',
    run: (k) => Number(encodeControlWord({ callCode: 3, repCount: k & 0xff }) & 0xffn),
  },
  {
    name: 'decode control word',
    run: (k) => decodeControlWord(0x0000000100000003n + BigInt(k & 0xf)).callCode,
  },
  { name: 'encode result word', run: (k) => Number(encodeResultWord({ status: k & 7 })) },
  { name: 'decode result word', run: (k) => decodeResultWord(BigInt(k & 0xf)).status },
  { name: 'encode list, fresh bytes', run: () => encodeFlushInput(LIST).bytes.length },
  {
    name: 'encode list into the page',
    run: () => writeFlushInput(view, 0, LIST) + Number(flushControlWord(LIST) & 1n),
  },
  { name: 'encode list-ex into the page', run: () => writeFlushInput(view, 0, LIST_EX) },
  { name: 'encode 509 ranges into the page', run: () => writeFlushInput(view, 0, LONG) },
  decodeCase('list', LIST),
  decodeCase('list-ex', LIST_EX),
  decodeCase('509 ranges', LONG),
  fieldsCase('list', LIST),
  fieldsCase('list-ex', LIST_EX),
  fieldsCase('509 ranges', LONG),
  { name: 'write fields of list-ex', run: () => writeFlushFields(listExFields, view, 0) },
  { name: 'decode a range word', run: () => decodeGvaRange(0x7f0000000ffen, 'legacy').additionalPages },
  {
    name: 'decode a range, two halves',
    run: (k) => decodeGvaRangeWords(0x7f00, k, 'legacy').additionalPages,
  },
  {
    name: 'fillGvaList, 3 pages',
    run: () => fillGvaList(0x7f0000000000n, 0x7f0000003000n, 509).entries.length,
  },
  {
    name: 'fillGvaListExact, 3 pages',
    run: () => fillGvaListExact(0x7f0000000000n, 0x7f0000003000n, 509).entries.length,
  },
  ...PROFILE_NAMES.map(dispatchCase),
]

/** Millions of runs a second, best of some rounds. */
function measure({ run }: Case): number {
  let sum = 0
  const round = (milliseconds: number): number => {
    const started = performance.now()
    let runs = 0
    while (performance.now() - started < milliseconds) {
      for (let k = 0; k < 1000; k++) sum += run(runs + k)
      runs += 1000
    }
    return runs / (performance.now() - started) / 1000
  }
  round(200)
  const rates = Array.from({ length: ROUNDS }, () => round((seconds * 1000) / ROUNDS))
  if (Number.isNaN(sum)) throw new Error('a case gave no number')
  return Math.max(...rates)
}

for (const one of CASES) {
  const rate = measure(one)
  console.log(
    `${one.name.padEnd(34)} ${rate.toFixed(2).padStart(8)} M/s  ${(1000 / rate).toFixed(0).padStart(6)} ns`,
  )
}
