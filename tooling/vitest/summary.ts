export interface Summary {
  passed: number
  failed: number
  skipped: number
}

/** The plain line that scripts read: 'N passed, N failed', and ', N skipped' when there are any. */
export function formatSummary({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
