import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  // Examples and users' files import the library by its name: in our tests that is the source tree.
  resolve: {
    alias: [
      { find: /^shootdown\/abi$/, replacement: source('./src/abi/index.ts') },
      { find: /^shootdown$/, replacement: source('./src/index.ts') },
    ],
  },
  test: { include: ['test/**/*.test.ts', 'examples/vitest/**/*.test.ts'], testTimeout: 60_000 },
})
