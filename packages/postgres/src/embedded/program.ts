import { spawn, type ChildProcess } from 'node:child_process'
import type { Clock } from '@aplomb/kernel'
import type { Binaries } from './binaries.ts'
import { EmbeddedPostgresError } from './errors.ts'
import { unrefChild, type Guard, type Identity } from './guard.ts'

/** The last lines a program wrote, for error messages. */
class Tail {
  private text = ''

  push(chunk: string): void {
    this.text = (this.text + chunk).slice(-2000)
  }

  get lines(): string {
    return this.text.trim().split('\n').slice(-5).join('\n')
  }
}

/** Makes the data folder. */
export async function runInitdb(
  binaries: Binaries,
  dataDir: string,
  durable: boolean,
  identity: Identity | undefined
): Promise<void> {
  const flags = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-instructions']
  if (!durable) flags.push('--no-sync')
  const child = spawn(binaries.initdb, ['-D', dataDir, ...flags], {
    env: { ...binaries.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...identity
  })
  const tail = new Tail()
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => tail.push(chunk))
  const code = await exitOf(child)
  if (code === 0) return
  throw new EmbeddedPostgresError('initdb', `initdb failed (${code}): ${tail.lines}`)
}

/** A running server process. */
export interface ServerProcess {
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<unknown>
  /** Ends it: `fast` rolls back and checkpoints, `immediate` is a crash. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
}

/** What a server process is started in. */
export interface ServerSurroundings {
  /** Its working folder. */
  readonly home: string
  readonly guard: Guard
  readonly identity: Identity | undefined
  readonly clock: Clock
  readonly timeoutMs: number
}

const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/** Starts the server and resolves when it accepts connections. */
export async function startServer(
  binaries: Binaries,
  args: readonly string[],
  { home, guard, identity, clock, timeoutMs }: ServerSurroundings
): Promise<ServerProcess> {
  // A session of its own: an interrupt from the terminal is for the program, which then stops it.
  const child = spawn(binaries.postgres, args, {
    env: { ...binaries.env },
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    ...identity
  })
  const exited = exitOf(child)
  guard.watch(child.pid)
  void exited.then(() => guard.watch(undefined))
  await readiness(child, exited, clock, timeoutMs).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  unrefChild(child)
  return { exited, stop: (mode) => stopServer(child, exited, SIGNALS[mode], clock, timeoutMs) }
}

/** Its own log says when it is ready, so there is nothing to poll. */
async function readiness(
  child: ChildProcess,
  exited: Promise<unknown>,
  clock: Clock,
  timeoutMs: number
): Promise<void> {
  const tail = new Tail()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (why: string): void => {
    reject(new EmbeddedPostgresError('start', `PostgreSQL ${why}: ${tail.lines}`))
  }
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    tail.push(chunk)
    if (/ready to accept (read-only )?connections/.test(tail.lines)) resolve()
  })
  const timer = clock.setTimer(() => fail(`was not ready after ${timeoutMs} ms`), timeoutMs)
  void exited.then((code) => fail(`ended while starting (${String(code)})`))
  await promise.finally(() => timer.cancel())
}

async function stopServer(
  child: ChildProcess,
  exited: Promise<unknown>,
  signal: NodeJS.Signals,
  clock: Clock,
  timeoutMs: number
): Promise<void> {
  child.ref()
  child.kill(signal)
  const timer = clock.setTimer(() => void child.kill('SIGKILL'), timeoutMs)
  await exited.finally(() => timer.cancel())
}

function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
}
