/**
 * How fast the simulator is, and in how much memory:
 *
 *     node bench/simulate.ts
 *
 * One core. Operations per second of CPU time (other users of the machine do not count), the memory in use after a run and
 * after one three times as long, and a run with more than a thousand vCPUs.
 */
import { checkHost, type HostInput } from '../src/simulate/host.ts'
import { prepareRun } from '../src/simulate/run.ts'

interface Case {
  readonly name: string
  readonly workload: string
  readonly flush: string
  readonly machine: HostInput
  readonly milliseconds: number
}

const CASES: readonly Case[] = [
  {
    name: 'storm, bare metal, 16 CPUs',
    workload: 'munmap-storm',
    flush: 'native',
    machine: { pcpus: 16 },
    milliseconds: 20,
  },
  {
    name: 'compile, bare metal, 16 CPUs',
    workload: 'compile',
    flush: 'native',
    machine: { pcpus: 16 },
    milliseconds: 400,
  },
  {
    name: 'storm, Hyper-V, 2 x 8 vCPUs',
    workload: 'munmap-storm',
    flush: 'hyperv',
    machine: { pcpus: 8, vms: 2, vcpus: 8 },
    milliseconds: 20,
  },
  {
    name: 'ebizzy, KVM, 2 x 32 vCPUs',
    workload: 'ebizzy',
    flush: 'kvm',
    machine: { pcpus: 32, vms: 2, vcpus: 32 },
    milliseconds: 10,
  },
  {
    name: 'storm, KVM, 16 x 64 vCPUs',
    workload: 'munmap-storm',
    flush: 'kvm',
    machine: { pcpus: 256, vms: 16, vcpus: 64 },
    milliseconds: 1,
  },
]

for (const { name, workload, flush, machine, milliseconds } of CASES) {
  const host = checkHost(machine, name, flush)
  const { engine } = prepareRun({ workload, host, flush, free: 'rcu', profile: 'tlfs', knobs: {}, seed: 1 })
  // The first part compiles what is hot; it is not counted.
  engine.run((milliseconds * 1e6) / 4)
  const operations = engine.counts.operations
  const begun = process.cpuUsage()
  engine.run(milliseconds * 1e6)
  const { user, system } = process.cpuUsage(begun)
  const rate = (engine.counts.operations - operations) / (user + system)
  const after = process.memoryUsage().heapUsed
  engine.run(3 * milliseconds * 1e6)
  const later = process.memoryUsage().heapUsed
  const vcpus = engine.vcpus.filter((vcpu) => !vcpu.agent).length
  console.log(
    `${name.padEnd(30)} ${String(vcpus).padStart(5)} vCPUs  ${rate.toFixed(2)} million operations/s of CPU time, ` +
      `heap ${(after / 2 ** 20).toFixed(0)} MiB, after three times as long ${(later / 2 ** 20).toFixed(0)} MiB`,
  )
}
