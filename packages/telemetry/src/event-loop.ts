import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

/** A gauge that is read when somebody asks for it. */
export interface Reading {
  readonly name: string
  readonly help: string
  readonly read: () => number
}

/** How the event loop fares, each reading since the one before. */
export interface EventLoopWatch {
  readonly readings: readonly Reading[]
  readonly stop: () => void
}

export function watchEventLoop(): EventLoopWatch {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  // What it records is the whole time between two of its own timers, the resolution included.
  const late = (nanoseconds: number): number =>
    Math.max(
      0,
      (Number.isFinite(nanoseconds) ? nanoseconds : 0) / NANOSECONDS - RESOLUTION_MS / 1000
    )
  let before = performance.eventLoopUtilization()
  const utilization = (): number => {
    const now = performance.eventLoopUtilization()
    const { utilization: share } = performance.eventLoopUtilization(now, before)
    before = now
    return share
  }
  return {
    readings: [
      {
        name: 'nodejs_eventloop_utilization',
        help: 'Share of the time in which the event loop was busy',
        read: utilization
      },
      {
        name: 'nodejs_eventloop_delay_p50_seconds',
        help: 'How late timers ran, median',
        read: () => late(delay.percentile(50))
      },
      {
        name: 'nodejs_eventloop_delay_p99_seconds',
        help: 'How late timers ran, 99th percentile',
        read: () => late(delay.percentile(99))
      },
      {
        name: 'nodejs_eventloop_delay_max_seconds',
        help: 'How late timers ran at worst',
        // The last of the readings: what follows counts anew.
        read() {
          const worst = late(delay.max)
          delay.reset()
          return worst
        }
      }
    ],
    stop: () => void delay.disable()
  }
}
