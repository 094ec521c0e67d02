import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/**
 * Closes a run with one plain line, 'N passed, N failed' (', N skipped' when
 * there are any), that scripts can read without knowing Vitest's own summary.
 * A test file that did not load and an unhandled error each count as a failure.
 */
export default class SummaryReporter implements Reporter {
  #line = '0 passed, 1 failed'

  onInit(): void {
    process.once('exit', () => {
      process.stdout.write(`${this.#line}\n`)
    })
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0
    let failed = unhandled.length
    let skipped = 0
    for (const module of modules) {
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        else if (state === 'skipped') skipped += 1
        else failed += 1
      }
    }
    this.#line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
  }
}
