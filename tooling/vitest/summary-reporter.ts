import { writeFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'
import { formatSummary, type Summary } from './summary.ts'

/**
 * Closes a run with one plain line that scripts can read without knowing Vitest's own summary. A
 * test file that did not load and an unhandled error each count as a failure. Where
 * APLOMB_SUMMARY_FILE is set, the figures go there and whoever set it prints the line.
 */
export default class SummaryReporter implements Reporter {
  #summary: Summary = { passed: 0, failed: 1, skipped: 0 }

  onInit(): void {
    process.once('exit', () => {
      const file = process.env['APLOMB_SUMMARY_FILE']
      if (file === undefined) process.stdout.write(`${formatSummary(this.#summary)}\n`)
      else writeFileSync(file, JSON.stringify(this.#summary))
    })
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const summary = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      summary.failed += module.errors().length
      for (const suite of module.children.allSuites()) summary.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') summary.passed += 1
        else if (state === 'skipped') summary.skipped += 1
        else summary.failed += 1
      }
    }
    this.#summary = summary
  }
}
