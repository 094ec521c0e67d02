import { isAplombError } from '@aplomb/kernel'

/** What `runMain` needs of the process, so that tests can be one. */
export interface MainProcess {
  readonly platform: string
  exitCode?: number | string | null | undefined
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
  exit(code: number): unknown
  readonly stdout: { write(text: string, done?: () => void): unknown }
  readonly stderr: { write(text: string, done?: () => void): unknown }
}

/** How processes say how they ended, by the conventions of shells. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The command line, or another setting, was wrong. */
  usage: 2,
  /** Work did not stop before the drain deadline; the word of GNU timeout. */
  timeout: 124,
  /** Ended by a signal before it was done: 128 and the signal's number. */
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143
} as const

/** Signals that can ask a process to stop. */
export type StopSignal = 'SIGHUP' | 'SIGINT' | 'SIGTERM'

/** The exit code for an error that ended main: 2 for the caller's mistakes, else 1. */
export function exitCodeOf(error: unknown): number {
  return isAplombError(error) && error.kind === 'invalid' ? exitCodes.usage : exitCodes.failed
}

/** Resolves when what was written to both streams has left the process. */
export async function flush({ stdout, stderr }: MainProcess): Promise<void> {
  const written = [stdout, stderr].map(
    (stream) => new Promise<void>((resolve) => void stream.write('', resolve))
  )
  await Promise.all(written)
}
