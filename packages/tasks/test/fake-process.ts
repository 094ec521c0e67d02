import { EventEmitter } from 'node:events'
import type { MainProcess } from '../src/index.ts'

/** A process that notes what happens to it. */
export class FakeProcess extends EventEmitter implements MainProcess {
  readonly platform = 'linux'
  exitCode: number | undefined = undefined
  readonly exits: number[] = []
  errors = ''
  readonly stdout = { write: (_text: string, done?: () => void): void => done?.() }
  readonly stderr = {
    write: (text: string, done?: () => void): void => {
      this.errors += text
      done?.()
    }
  }

  exit(code: number): void {
    this.exits.push(code)
  }
}
