/**
 * Whether anything new may be recorded or numbered just now. Threads that search together have to number everything alike: while
 * each is busy with states of its own, nothing may be learnt; what needs it is put off until all of them learn it in the same order.
 */

/** Something new would have to be recorded, and may not be now. Never seen by users. */
export class PutOff extends Error {}

let allowed = true

/** @throws PutOff unless something new may be learnt now */
export function mayLearn(): void {
  if (!allowed) throw new PutOff('to be learnt later')
}

/** Runs something that must not learn. */
export function withoutLearning<T>(run: () => T): T {
  allowed = false
  try {
    return run()
  } finally {
    allowed = true
  }
}
