import { describe, expect, it } from 'vitest'
import { fixtureWorkspace } from './fixture.ts'
import { type Exemption, checkTimeAndChance } from './time-and-chance.ts'
import { houseRoot, loadWorkspace } from './workspace.ts'

// Kernel is where time and chance come from. An entry here needs a reason that holds.
const EXEMPTIONS: readonly Exemption[] = [
  {
    file: 'packages/kernel/src/timer-wheel.ts',
    names: ['Date.now', 'performance', 'setTimeout', 'clearTimeout', 'setImmediate'],
    reason: 'the system clock itself'
  },
  {
    file: 'packages/kernel/src/random.ts',
    names: ['Math.random'],
    reason: 'the system random itself'
  },
  {
    file: 'packages/kernel/src/timer-turn.ts',
    names: ['setImmediate'],
    reason: 'lets a turn of the event loop pass; no time is measured or waited for'
  },
  {
    file: 'packages/http/src/build-request.ts',
    names: ['randomUUID'],
    reason: 'an idempotency key is unique in the world; seeded chance would repeat it'
  },
  {
    file: 'packages/telemetry/src/event-loop.ts',
    names: ['node:perf_hooks', 'performance'],
    reason: 'it measures the event loop itself, which has no clock to be given'
  }
]

const complaintsOf = (code: string, exemptions: readonly Exemption[] = []): string[] =>
  checkTimeAndChance(fixtureWorkspace({ 'packages/http/src/a.ts': code }), exemptions)

describe('time and chance', () => {
  it('come from kernel only', () => {
    expect(checkTimeAndChance(loadWorkspace(houseRoot), EXEMPTIONS)).toEqual([])
  })

  it.each([
    ['Date.now()', 'Date.now'],
    ['globalThis.Date.now()', 'Date.now'],
    ['const { now } = Date', 'Date.now'],
    ['new Date()', 'new Date()'],
    ['Date()', 'Date()'],
    ['const wait = setTimeout', 'setTimeout'],
    ['setInterval(f, 1)', 'setInterval'],
    ['globalThis.setImmediate(f)', 'setImmediate'],
    ['const o = { setTimeout }', 'setTimeout'],
    ['performance.now()', 'performance'],
    ['AbortSignal.timeout(3)', 'AbortSignal.timeout'],
    ['AbortSignal.any([])', 'AbortSignal.any'],
    ['Math.random()', 'Math.random'],
    ['process.hrtime.bigint()', 'process.hrtime'],
    [`import { randomUUID } from 'node:crypto'`, 'randomUUID'],
    [`import { setTimeout as sleep } from 'node:timers/promises'`, 'node:timers/promises']
  ])('are found in `%s`', (code, name) => {
    expect(complaintsOf(code)).toEqual([`packages/http/src/a.ts:1: ${name}`])
  })

  it.each([
    'new Date(clock.wallNow())',
    'clock.setTimeout(f, 3)',
    'const o = { setTimeout: 1, performance() {} }',
    'interface Clock { setTimeout(f: () => void): void }',
    'type T = ReturnType<typeof setTimeout>',
    `Date.parse('2026-01-01')`,
    '// Date.now() in a comment'
  ])('are not seen in `%s`', (code) => {
    expect(complaintsOf(code)).toEqual([])
  })

  it('may be used where an exemption says so, and only there', () => {
    const exemption = { file: 'packages/http/src/a.ts', names: ['Date.now'], reason: 'a test' }
    expect(complaintsOf('Date.now()', [exemption])).toEqual([])
    expect(complaintsOf('Math.random()', [exemption])).toEqual([
      'packages/http/src/a.ts:1: Math.random',
      'exempt without need: packages/http/src/a.ts Date.now'
    ])
  })
})
