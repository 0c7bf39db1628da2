/** `npm run fit`: the built-in workload parameters, fitted anew to the recordings of the repository. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fit, parameterText } from '../src/trace/run-fit.ts'

/** Which recording each built-in workload is fitted to. */
export const FITTED: Readonly<Record<string, string>> = {
  kernbench: 'linux-6.1_4vcpu_cchalf.trace.txt.gz',
  'compile-faults': 'linux-6.1_4vcpu_ccpf.trace.txt.gz',
  'munmap-storm': 'linux-6.12_4vcpu_munmap.trace.txt.gz',
  'gup-storm': 'linux-6.12_4vcpu_gup.trace.txt.gz',
  'fork-cow': 'linux-6.12_4vcpu_cow.trace.txt.gz',
  shell: 'linux-6.1_4vcpu_shfork.trace.txt.gz',
  mixed: 'linux-6.1_4vcpu_rich.trace.txt.gz',
  'mixed-8': 'linux-6.12_8vcpu_rich.trace.txt.gz',
}

/** Path of a recording of the repository. */
export function recording(name: string): string {
  return fileURLToPath(new URL(`../test/trace/recordings/${name}`, import.meta.url))
}

/** Path of the parameters of a built-in workload. */
export function fittedFile(name: string): string {
  return fileURLToPath(new URL(`../src/simulate/workloads/fitted/${name}.json`, import.meta.url))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, file] of Object.entries(FITTED)) {
    await writeFile(fittedFile(name), parameterText(await fit(recording(file))))
  }
}
