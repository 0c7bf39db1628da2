/** What the engine consists of. Its parts know each other by this; `engine.ts` puts them together. */
import type { Costs } from '../cost-model.ts'
import type { Guest } from '../guest.ts'
import type { HostDescription } from '../host.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Timeline } from '../timeline.ts'
import type { Vcpu } from '../vcpu.ts'
import type { Agenda } from './agenda.ts'
import type { Callbacks } from './callbacks.ts'
import type { Counts } from './counts.ts'
import type { Effects } from './effects.ts'
import type { Execution } from './execution.ts'
import type { HostScheduling } from './host-scheduling.ts'
import type { Interrupts } from './interrupts.ts'
import type { Refill } from './refill.ts'
import type { Sleep } from './sleep.ts'
import type { SpinExits } from './spin-exits.ts'
import type { Waits } from './waits.ts'

export interface Parts {
  readonly host: HostDescription
  readonly costs: Costs
  readonly guests: readonly Guest[]
  readonly vcpus: readonly Vcpu[]
  readonly scheduler: Scheduler
  readonly random: Random
  readonly timeline: Timeline | undefined
  readonly agenda: Agenda
  readonly counts: Counts
  readonly execution: Execution
  readonly effects: Effects
  readonly waits: Waits
  readonly interrupts: Interrupts
  readonly callbacks: Callbacks
  readonly hostScheduling: HostScheduling
  readonly refill: Refill
  readonly sleep: Sleep
  readonly spinExits: SpinExits
}
