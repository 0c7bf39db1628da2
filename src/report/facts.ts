/** What a step changed among the facts that a program tells about its state. */

/** Where the thing that a fact is about ends: `frame 5` in `frame 5: free`. */
const SUBJECT_END = /:| = | (?:is|are|has|holds|may|can|was) /

function subject(fact: string): string {
  const end = fact.search(SUBJECT_END)
  return end < 0 ? fact : fact.slice(0, end)
}

/** The facts that are new, and those that no longer hold unless a new one about the same thing replaces them. */
export function factsChanged(before: readonly string[], after: readonly string[]): readonly string[] {
  const added = after.filter((fact) => !before.includes(fact))
  const replaced = new Set(added.map(subject))
  const gone = before.filter((fact) => !after.includes(fact) && !replaced.has(subject(fact)))
  return [...added, ...gone.map((fact) => `no longer: ${fact}`)]
}
