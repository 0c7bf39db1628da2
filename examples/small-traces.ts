import { load, SharedMemory, scenario, store } from 'shootdown'

export default scenario({
  name: 'sb',
  title: 'store buffering',
  uses: ['memoryModel'],
  build: ({ memoryModel }) => {
    const memory = new SharedMemory(memoryModel)
    const [x, y] = [memory.variable('x'), memory.variable('y')]
    memory.thread(function* () {
      yield* store(x, 1)
      yield* load(y)
    })
    memory.thread(function* () {
      yield* store(y, 1)
      yield* load(x)
    })
    return memory.program()
  },
})
