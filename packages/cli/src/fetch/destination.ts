import type { DoneIndex } from './done-index.ts'
import type { Sink } from './sink.ts'

/** What a destination is when it is ready to be written to. */
export interface OpenDestination {
  readonly sink: Sink
  /** What an earlier run has stored, where this one resumes it. */
  readonly done: DoneIndex | undefined
}

/** Where rows go. It is checked first and opened later, so that bad input leaves no trace in it. */
export interface Destination extends AsyncDisposable {
  /** As a person would call it. */
  readonly name: string
  /** Notes why it cannot be written to; changes nothing. */
  check(issues: string[]): Promise<void>
  open(): Promise<OpenDestination>
}

/** What is said when there are rows already and nobody has said what shall become of them. */
export function occupied(name: string, what: string): string {
  return `${name} holds ${what} already: --resume goes on with that, --force starts over`
}
