import { spawn, type ChildProcess } from 'node:child_process'

/** The built program: what runs is what is published. */
const bin = new URL('../dist/bin.js', import.meta.url).pathname

export interface Ended {
  /** The exit code, or the signal that killed it. */
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** Starts the program; `child` can be killed, `ended` tells how it ended. */
export function startCli(
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string } = {}
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(options.input ?? '')
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code: code ?? signal ?? -1, stdout, stderr })
    })
  })
  return { child, ended }
}
