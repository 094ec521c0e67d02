import { spawn, type ChildProcess } from 'node:child_process'

/** Who the programs run as; undefined for the user we are. */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** Cleans up after us should our process end, even by SIGKILL. */
export interface Guard {
  /** The server process to end; undefined when none runs. */
  watch(pid: number | undefined): void
  /** All has been cleaned up. */
  release(): void
}

const SCRIPT = `
while read -r word; do last=$word; done
[ "$last" = released ] && exit
if [ "$last" -gt 1 ]; then
  kill -QUIT "$last"
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$last" || break; sleep 0.2; done
  kill -KILL "$last"
fi
rm -rf "$1"`

/**
 * A shell whose standard input is a pipe from us. While we live it waits in `read`; when we end, in
 * whatever way, the pipe closes, and it ends the server and removes the folder `home`.
 */
export function startGuard(home: string, identity: Identity | undefined): Guard {
  // A session of its own, which an interrupt from the terminal does not reach.
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'aplomb-guard', home], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    ...identity
  })
  shell.on('error', () => undefined)
  shell.stdin?.on('error', () => undefined)
  unrefChild(shell)
  return {
    watch: (pid) => void shell.stdin?.write(`${pid ?? 0}\n`),
    release: () => void shell.stdin?.end('released\n')
  }
}

/** Neither a child nor its pipes keep ours alive: who forgets to dispose still gets to exit. */
export function unrefChild(child: ChildProcess): void {
  child.unref()
  for (const pipe of [child.stdin, child.stderr]) {
    ;(pipe as unknown as { unref?: () => void } | null)?.unref?.()
  }
}
