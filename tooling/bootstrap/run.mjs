// Runs one program to its end, without a shell between, so that arguments arrive as they were
// given. A program that fails ends this one with the same code.
//
// Signals: Ctrl-C at a terminal reaches the whole process group, the program included; a signal
// sent to npm alone reaches only us (npm passes it on). The program must see it exactly once, as
// many take a second one for 'now at once', and we must outlive it, or its shutdown is orphaned.
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { constants } from 'node:os'
import process from 'node:process'
import { root } from './tools.mjs'

const SECOND_SIGNAL_MS = 150

// Standard output and standard error of the program: ours; both on our standard error, since
// standard output belongs to the command that follows; or kept back unless it fails.
const OUTPUTS = {
  show: ['inherit', 'inherit'],
  aside: [2, 2],
  'on failure': ['pipe', 'pipe']
}

export async function run(program, args, { env, output = 'show' }) {
  const child = spawn(program, args, {
    cwd: root,
    env,
    stdio: ['inherit', ...OUTPUTS[output]]
  })
  const held = []
  child.stdout?.on('data', (chunk) => held.push(chunk))
  child.stderr?.on('data', (chunk) => held.push(chunk))
  const stopRelaying = relaySignals(child)
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${program} could not be started: ${error.message}\n`)
      resolve(1)
    })
    child.once('close', (status, signal) => {
      resolve(status ?? 128 + (constants.signals[signal] ?? 0))
    })
  })
  stopRelaying()
  if (code === 0) return
  if (held.length > 0) writeSync(2, Buffer.concat(held))
  process.exit(code)
}

function relaySignals(child) {
  const atTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  const seen = new Map()
  const relay = (signal) => {
    if (signal === 'SIGINT' && atTerminal) return
    seen.set(signal, (seen.get(signal) ?? 0) + 1)
    if (seen.get(signal) > 1) return
    setTimeout(() => {
      // One: npm or a caller sent it to us alone. More: one came from npm and one from the
      // group, which the child belongs to, so it has its own.
      if (seen.get(signal) === 1) child.kill(signal)
      seen.delete(signal)
    }, SECOND_SIGNAL_MS).unref()
  }
  process.on('SIGINT', relay).on('SIGTERM', relay)
  return () => process.off('SIGINT', relay).off('SIGTERM', relay)
}
