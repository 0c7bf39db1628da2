/**
 * How fast the simulator is, and in how much memory:
 *
 *     node bench/simulate.ts [part of a case's name]
 *
 * One core. Operations per second of CPU time (user + system of the process, so that other users of the machine count only by the
 * caches that they take); memory is what is alive after a collection: what building takes for each vCPU, and what there is after
 * a time and after four times as long. The first line says how fast the machine is now: a bare generator loop.
 */
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkHost, type HostInput } from '../src/simulate/host.ts'
import { prepareRun } from '../src/simulate/run.ts'
import type { Knobs } from '../src/simulate/workloads/workload.ts'

interface Case {
  readonly name: string
  readonly workload: string
  readonly flush: string
  readonly free?: string
  readonly machine: HostInput
  readonly knobs?: Partial<Knobs>
  readonly milliseconds: number
}

const CASES: readonly Case[] = [
  {
    name: 'flush on 15 others',
    workload: 'flush',
    flush: 'native',
    machine: { pcpus: 16 },
    knobs: { targets: 15 },
    milliseconds: 60,
  },
  {
    name: 'tlb-flush, 16 CPUs',
    workload: 'tlb-flush',
    flush: 'native',
    machine: { pcpus: 16 },
    milliseconds: 8,
  },
  {
    name: 'storm, 16 CPUs',
    workload: 'munmap-storm',
    flush: 'native',
    machine: { pcpus: 16 },
    milliseconds: 60,
  },
  {
    name: 'storm, 16 CPUs, immediate',
    workload: 'munmap-storm',
    flush: 'native',
    free: 'immediate',
    machine: { pcpus: 16 },
    milliseconds: 60,
  },
  {
    name: 'compile, 16 CPUs',
    workload: 'compile',
    flush: 'native',
    machine: { pcpus: 16 },
    milliseconds: 1600,
  },
  {
    name: 'storm, Hyper-V, 2 x 8',
    workload: 'munmap-storm',
    flush: 'hyperv',
    machine: { pcpus: 8, vms: 2, vcpus: 8 },
    milliseconds: 100,
  },
  {
    name: 'gup, Hyper-V, 2 x 8',
    workload: 'gup-storm',
    flush: 'hyperv',
    machine: { pcpus: 8, vms: 2, vcpus: 8 },
    milliseconds: 80,
  },
  {
    name: 'ebizzy, KVM, 2 x 32',
    workload: 'ebizzy',
    flush: 'kvm',
    machine: { pcpus: 32, vms: 2, vcpus: 32 },
    milliseconds: 40,
  },
  {
    name: 'storm, KVM, 16 x 64',
    workload: 'munmap-storm',
    flush: 'kvm',
    machine: { pcpus: 256, vms: 16, vcpus: 64 },
    milliseconds: 4,
  },
  {
    name: 'storm, 1 x 1024',
    workload: 'munmap-storm',
    flush: 'native',
    machine: { pcpus: 1024 },
    milliseconds: 12,
  },
]

v8.setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Mebibytes that are alive. */
function alive(): number {
  // What only compiled code still refers to goes with the second collection.
  for (let times = 0; times < 3; times++) collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

/** Million per second of CPU time. */
function rate(run: () => number): number {
  const begun = process.cpuUsage()
  const count = run()
  const { user, system } = process.cpuUsage(begun)
  return count / (user + system)
}

function* endless(): Generator<number, void, number> {
  for (let sum = 0; ; ) sum += yield sum & 255
}

/** Resumptions of a bare generator, to compare machines and moments by. */
function bareGenerators(): number {
  const generators = Array.from({ length: 64 }, endless)
  const resume = (times: number) => {
    for (let i = 0; i < times; i++) generators[i & 63]!.next(i)
    return times
  }
  resume(1e6)
  return rate(() => resume(2e7))
}

function measure({ name, workload, flush, free = 'rcu', machine, knobs = {}, milliseconds }: Case): string {
  const host = checkHost(machine, name, flush)
  const before = alive()
  const { engine } = prepareRun({ workload, host, flush, free, profile: 'tlfs', knobs, seed: 1 })
  const vcpus = engine.vcpus.filter((vcpu) => !vcpu.agent).length
  const built = ((alive() - before) * 1024) / vcpus
  // The first part, a million operations or more, compiles what is hot; it is not counted.
  engine.run(milliseconds * 1e6)
  const once = alive() - before
  const { operations } = engine.counts
  const begun = process.cpuUsage()
  const speed = rate(() => {
    engine.run(4 * milliseconds * 1e6)
    return engine.counts.operations - operations
  })
  const { user, system } = process.cpuUsage(begun)
  const fourTimes = alive() - before
  return (
    name.padEnd(27) +
    String(vcpus).padStart(5) +
    speed.toFixed(2).padStart(15) +
    built.toFixed(0).padStart(12) +
    once.toFixed(1).padStart(11) +
    fourTimes.toFixed(1).padStart(11) +
    ((3 * milliseconds * 1e6) / (user + system)).toFixed(1).padStart(23)
  )
}

console.log(`bare generators: ${bareGenerators().toFixed(0)} million resumptions/s of CPU time\n`)
console.log(`${''.padEnd(27)}vCPUs  million ops/s  KiB a vCPU  MiB after  after 4 x  simulated ms a second`)
for (const one of CASES) if (one.name.includes(process.argv[2] ?? '')) console.log(measure(one))
