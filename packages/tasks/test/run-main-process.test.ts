import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('fixtures/program.ts', import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A child process whose output can be waited for. */
class Program {
  output = ''
  errors = ''
  readonly child: ChildProcess
  private readonly exited: Promise<unknown[]>

  constructor(mode: string) {
    const args = [
      '--conditions=@aplomb/source',
      '--disable-warning=ExperimentalWarning',
      program,
      mode
    ]
    this.child = spawn(process.execPath, args, { stdio: 'pipe' })
    children.push(this.child)
    this.child.stdout?.on('data', (chunk) => (this.output += String(chunk)))
    this.child.stderr?.on('data', (chunk) => (this.errors += String(chunk)))
    this.exited = once(this.child, 'close')
  }

  /** Waits until the output matches. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.output.match(pattern)
      if (match !== null) return match
      await once(this.child.stdout as NodeJS.ReadableStream, 'data')
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Lets the work that is under way end. */
  release(): void {
    this.child.stdin?.write('go\n')
  }

  /** The exit code and the signal that ended it. */
  async exit(): Promise<unknown[]> {
    return await this.exited
  }
}

/** An answer that the program gives when it is released. */
async function request(port: string): Promise<string> {
  const asked = get({ port, host: '127.0.0.1', agent: false })
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return body
}

describe('a process under runMain', () => {
  it('finishes what is under way when it gets SIGTERM, loses nothing and exits with 0', async () => {
    const child = new Program('polite')
    const [, port = ''] = await child.says(/listening (\d+)/)
    const answers = [request(port), request(port)]
    await child.says(/request\nrequest/)
    child.signal('SIGTERM')
    await child.says(/ready false/)
    child.release()
    expect(await Promise.all(answers)).toEqual(['whole answer', 'whole answer'])
    expect(await child.exit()).toEqual([0, null])
    expect(child.output).toMatch(/ready false\njob 499500\nlease given back\ncleaned up\n$/)
    expect(child.errors).toBe('')
  })

  it('names a task that does not stop and exits with 124 at the drain deadline', async () => {
    const child = new Program('stuck')
    await child.says(/listening/)
    child.release()
    await child.says(/job \d+/)
    child.signal('SIGTERM')
    expect(await child.exit()).toEqual([124, null])
    expect(child.errors).toContain('has not ended within 200 ms; still running: stubborn\n')
    expect(child.errors).toContain('└─ stubborn (task) running')
  })

  it('ends at once at the second signal', async () => {
    const child = new Program('polite')
    await child.says(/listening/)
    child.signal('SIGINT')
    await child.says(/ready false/)
    child.signal('SIGINT')
    expect(await child.exit()).toEqual([130, null])
    expect(child.output).not.toContain('cleaned up')
  })

  it('reports a rejection that nobody caught once, stops, and exits with 1', async () => {
    const child = new Program('reject')
    await child.says(/ready false/)
    child.release()
    expect(await child.exit()).toEqual([1, null])
    expect(child.errors.match(/nobody caught me/g)).toHaveLength(1)
    expect(child.output).toContain('cleaned up')
  })

  it('writes its live tasks on SIGUSR2', async () => {
    const child = new Program('polite')
    await child.says(/listening/)
    child.signal('SIGUSR2')
    while (!child.errors.includes('job (task) running')) {
      await once(child.child.stderr as NodeJS.ReadableStream, 'data')
    }
    expect(child.errors).toMatch(/^live tasks, on SIGUSR2:\nmain \(group\) running/)
    child.release()
    child.signal('SIGTERM')
    expect(await child.exit()).toEqual([0, null])
  })
})
