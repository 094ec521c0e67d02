import { TestClock } from '@aplomb/kernel/testing'
import { describe, expect, it } from 'vitest'
import { urlItem } from '../src/fetch/item.ts'
import { LatencyHistogram } from '../src/fetch/latency-histogram.ts'
import { Progress } from '../src/fetch/progress.ts'
import { rowOf } from '../src/fetch/row.ts'
import { summarize, summaryText } from '../src/fetch/summary.ts'
import { Tally } from '../src/fetch/tally.ts'

function stream(isTTY: boolean): {
  isTTY: boolean
  columns: number
  texts: string[]
  write(text: string): void
} {
  const texts: string[] = []
  return { isTTY, columns: 60, texts, write: (text) => void texts.push(text) }
}

function finish(tally: Tally, index: number, status = 200, attempts = 1): void {
  const answer = {
    ok: status < 400,
    status,
    headers: undefined,
    body: '',
    bodyEncoding: 'utf8' as const
  }
  tally.ended(rowOf(urlItem('http://h/', index), answer, attempts, 20))
}

describe('the progress view', () => {
  it('draws over itself on a terminal, cut to its width, and wipes itself at the end', async () => {
    const clock = new TestClock()
    const tally = new Tally(10, 2, clock.now())
    const terminal = stream(true)
    const progress = new Progress(tally, terminal, clock, { allowedPerSecond: 100 })
    progress.start()
    finish(tally, 1, 200, 2)
    tally.retried('http 503')
    tally.inFlight = 3
    tally.openBreakers.set('http://h', 'open')
    await clock.advance(200)
    finish(tally, 2, 404)
    await clock.advance(200)
    progress.stop()
    expect(clock.pendingTimers).toBe(0)
    const [first = '', second = '', last] = terminal.texts
    expect(first.split('\n')).toEqual([
      `${'█'.repeat(9)}${'░'.repeat(21)} 30.0 %  3/10  ETA 1.4 s`,
      'in flight 3  rate 25/s of 100/s  failed 0',
      expect.stringMatching(/^latency p50 \d+ ms/),
      'retries http 503 ×1',
      'breakers http://h open',
      ''
    ])
    expect(second).toMatch(/^\u001B\[5A\u001B\[0J█/)
    expect(second).toContain('failed 1')
    expect(last).toBe('\u001B[5A\u001B[0J')
    expect(first.split('\n').every((line) => line.length < 60)).toBe(true)
  })

  it('writes a plain line every two seconds elsewhere', async () => {
    const clock = new TestClock()
    const tally = new Tally(4, 0, clock.now())
    const plain = stream(false)
    const progress = new Progress(tally, plain, clock, { allowedPerSecond: undefined })
    progress.start()
    finish(tally, 0)
    await clock.advance(4000)
    progress.stop()
    expect(plain.texts).toHaveLength(2)
    expect(plain.texts[0]).toMatch(
      /^1\/4 done, 0 in flight, 1\/s, p50 \d+ ms {2}p95 \d+ ms {2}p99 \d+ ms, 0 retries, 0 failed, ETA 6\.0 s\n$/
    )
  })
})

describe('the summary', () => {
  it('counts everything, as data and as text', () => {
    const tally = new Tally(5, 1, 0)
    for (const [index, status] of [200, 200, 500, 404].entries())
      finish(tally, index, status, index + 1)
    tally.retried('http 503')
    tally.retried('http 503')
    tally.retried('reset')
    const ending = { stored: 4, interrupted: false, elapsedMs: 2000, allowedPerSecond: 10 }
    const summary = summarize(tally, ending)
    expect(summary).toMatchObject({
      urls: 5,
      stored: 5,
      ok: 2,
      failed: 2,
      skipped: 1,
      requests: 10,
      retries: 3,
      retriesByReason: { 'http 503': 2, reset: 1 },
      failuresByReason: { 'HTTP 500': 1, 'HTTP 404': 1 },
      seconds: 2,
      ratePerSecond: 5,
      allowedPerSecond: 10
    })
    const text = summaryText(summary, tally, 'go on with …')
    expect(text).toContain('Done, but 2 of 5 failed.')
    expect(text).toContain('3 retries: http 503 ×2, reset ×1')
    expect(text).not.toContain('go on with')
    const stopped = summaryText({ ...summary, interrupted: true }, tally, 'go on with …')
    expect(stopped).toContain('go on with …')
  })
})

it('the histogram is right to 5 %, from 0.1 ms to minutes, in constant memory', () => {
  const histogram = new LatencyHistogram()
  expect(histogram.quantile(0.5)).toBe(0)
  for (let ms = 1; ms <= 10_000; ms++) histogram.record(ms)
  for (const q of [0.01, 0.5, 0.95, 0.99, 1]) {
    expect(histogram.quantile(q) / (q * 10_000)).toBeGreaterThan(0.999)
    expect(histogram.quantile(q) / (q * 10_000)).toBeLessThan(1.05)
  }
  histogram.record(0)
  histogram.record(1e9)
  expect(histogram.count).toBe(10_002)
})
