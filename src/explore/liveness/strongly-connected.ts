/** Tarjan's strongly connected components, without recursion. */

/**
 * @param first - per node, where its edges begin; one more entry at the end
 * @param targets - per edge
 * @param inside - per node, not 0: the node is there. Edges to other nodes do not count.
 */
export function* stronglyConnected(
  first: Int32Array,
  targets: Int32Array,
  inside: Uint8Array,
): Generator<number[]> {
  const nodes = inside.length
  const index = new Int32Array(nodes).fill(-1)
  const low = new Int32Array(nodes)
  const onStack = new Uint8Array(nodes)
  const next = Int32Array.from(first)
  const stack: number[] = []
  let count = 0
  for (let root = 0; root < nodes; root++) {
    if (index[root] !== -1 || inside[root] === 0) continue
    const path = [root]
    while (path.length > 0) {
      const node = path[path.length - 1]!
      if (index[node] === -1) {
        index[node] = count
        low[node] = count++
        stack.push(node)
        onStack[node] = 1
      }
      if (next[node]! < first[node + 1]!) {
        const target = targets[next[node]!]!
        next[node]!++
        if (inside[target] === 0) continue
        if (index[target] === -1) path.push(target)
        else if (onStack[target] === 1) low[node] = Math.min(low[node]!, index[target]!)
        continue
      }
      path.pop()
      const parent = path[path.length - 1]
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!)
      if (low[node] !== index[node]) continue
      const part: number[] = []
      for (let member = -1; member !== node; ) {
        member = stack.pop()!
        onStack[member] = 0
        part.push(member)
      }
      yield part
    }
  }
}
