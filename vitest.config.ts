import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['@aplomb/source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    reporters: ['default', './tooling/vitest/summary-reporter.ts'],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      thresholds: { lines: 80, functions: 80, branches: 50, statements: 80 }
    }
  }
})
