import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  // Tests read the packages' sources, so that no build stands between an edit and its test.
  ssr: { resolve: { conditions: ['@aplomb/source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'tooling/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', './tooling/vitest/summary-reporter.ts'],
    // Nothing sleeps, so a test that takes this long hangs; servers and databases start in hooks.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Asked for by `--typecheck`: packages/*/test/*.test-d.ts, whose wrong types fail as tests.
    typecheck: {
      include: ['packages/*/test/**/*.test-d.ts'],
      tsconfig: './tooling/vitest/tsconfig.json'
    },
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 80, functions: 80, branches: 70, statements: 80 }
    }
  }
})
