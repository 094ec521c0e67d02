import type { Row } from './row.ts'

/** Where rows are stored. A row counts as done only when it is safe there. */
export interface Sink {
  /** Rows stored by this run so far. */
  readonly stored: number
  /** Takes a row; gives a promise when the writer should wait for it, so that memory stays flat. */
  write(row: Row): Promise<void> | undefined
  /** Stores all that was taken and closes. */
  close(): Promise<void>
}
