/**
 * A page-table walker of your own under the usual guest: CPU0 unmaps a page and frees its table, the others walk.
 *
 *     shootdown check own-walker.ts --flush native,hyperv --free immediate,rcu
 */
import {
  buildGuest,
  type Cpu,
  frame,
  type Kernel,
  localIrqRestore,
  localIrqSave,
  type Mm,
  munmap,
  scenario,
  type Task,
  V,
  walkPageTable,
} from 'shootdown'

function* unmap(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  yield* munmap(kernel, cpu, mm, V)
}

function* walk(cpu: Cpu, mm: Mm): Task<void> {
  const flags = yield* localIrqSave(cpu, 'walk') // (1) cli
  yield* walkPageTable(cpu.machine, mm.pgd, V)
  yield* localIrqRestore(cpu, flags) // (2) sti
}

export default scenario({
  name: 'own-walker',
  title: 'Are the tables there until my walker is done?',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'free'],
  build: (options) => {
    const { machine, kernel, mm } = buildGuest(options)
    const [first, ...others] = machine.cpus
    machine.run(first!, frame(unmap, kernel, first!, mm))
    for (const cpu of others) machine.run(cpu, frame(walk, cpu, mm))
    return machine.program()
  },
})
