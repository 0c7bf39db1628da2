/** The kernel's GVA-list loops by age. */
import { type RangeLoop, step2017, stepToday } from '../../abi/range-step.ts'

/** `2017`: the thread's loop; `2019`: since commit 4030b4c585c4. */
export function fillGvaListLoop(age: '2017' | '2019'): RangeLoop {
  return age === '2017' ? step2017 : stepToday
}
