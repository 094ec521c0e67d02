import { systemClock } from '@aplomb/kernel'
import { runMain } from '@aplomb/tasks'
import type { CommandContext } from './fetch/command.ts'

/** How long what is under way may take after Ctrl-C. */
const DRAIN_TIMEOUT_MS = 60_000

type Command = (args: readonly string[], context: CommandContext) => Promise<number>

/** A command is loaded when it is asked for. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  fetch: async () => (await import('./fetch/command.ts')).fetchCommand,
  demo: async () => (await import('./demo/demo.ts')).demoCommand
}

const HELP = `Usage: aplomb <command> [options]

  fetch   fetch many URLs fast, politely and completely, and store every answer
  demo    fetch 3,000 items from an unfriendly server of our own into an embedded PostgreSQL

aplomb <command> --help says more.
`

/** The program; it ends the process with the command's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  await runMain(
    (scope) => {
      const { stdin, stdout, stderr } = process
      return run(args, { stdin, stdout, stderr, clock: systemClock, signal: scope.signal })
    },
    { name: 'aplomb', drainTimeoutMs: DRAIN_TIMEOUT_MS }
  )
}

/** Runs one command and gives its exit code. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const [name = '--help', ...rest] = args
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load !== undefined) return (await load())(rest, context)
  if (name === '--help' || name === '-h' || name === 'help') {
    context.stdout.write(HELP)
    return 0
  }
  context.stderr.write(`aplomb: there is no command "${name}"\n\n${HELP}`)
  return 2
}
