import { callHook, type Timer } from '@aplomb/kernel'
import { createAlgorithm, type ResolvedAdaptiveOptions } from './adaptive-options.ts'
import { adaptChannel } from './events.ts'
import { ForwardTime } from './forward-time.ts'
import type { LimitAlgorithm } from './limit-algorithm.ts'
import { RttProbe } from './rtt-probe.ts'
import { SampleWindow } from './sample-window.ts'
import type { SemaphoreGate } from './semaphore-gate.ts'

/** A probe that has waited for so many round trips since its last sample is given up. */
const PATIENCE = 8

/** What is known of a call that has ended. */
export interface CallStart {
  /** In the learner's time. */
  readonly startedAt: number
  /** How many were under way when it began, itself included. */
  readonly inflight: number
}

/**
 * Learns the limit of a semaphore from how calls end: gathers them into windows, asks the algorithm,
 * probes now and then, and tells of every change.
 */
export class LimitLearner {
  lastRttMs = 0
  readonly algorithm: LimitAlgorithm
  private readonly name: string
  private readonly options: ResolvedAdaptiveOptions
  private readonly gate: SemaphoreGate
  private readonly window = new SampleWindow()
  private readonly probe: RttProbe
  private readonly time = new ForwardTime()
  private patience: Timer | undefined
  private isResting = true

  constructor(name: string, options: ResolvedAdaptiveOptions, gate: SemaphoreGate) {
    this.name = name
    this.options = options
    this.gate = gate
    this.algorithm = createAlgorithm(options)
    this.probe = new RttProbe(options.probeEvery, options.random)
  }

  /** In whole calls. */
  get limit(): number {
    return Math.max(1, Math.floor(this.algorithm.limit))
  }

  get isProbing(): boolean {
    return this.probe.isActive
  }

  now(): number {
    return this.time.read(this.options.clock.now())
  }

  /** A call has begun. */
  wake(): void {
    if (!this.isResting) return
    this.isResting = false
    this.patience?.restart()
  }

  /** No call is under way any more, so a probe has all the time of the world. */
  rest(): void {
    this.isResting = true
    this.patience?.cancel()
  }

  /** A call has ended, well or lost to overload. */
  learn(call: CallStart, dropped: boolean): void {
    const now = this.now()
    const rttMs = now - call.startedAt
    if (this.probe.isActive) this.learnFromProbe(now, rttMs, dropped)
    else if (this.window.covers(call.startedAt)) this.learnFrom(now, rttMs, call, dropped)
  }

  private learnFrom(now: number, rttMs: number, call: CallStart, dropped: boolean): void {
    const { window, algorithm } = this
    if (!dropped) window.add(rttMs, call.inflight)
    if (!dropped && !window.isFull) return
    const inflight = Math.max(window.maxInflight, call.inflight)
    this.lastRttMs = window.rttMs > 0 ? window.rttMs : rttMs
    const isUsed = dropped || Math.max(inflight, this.gate.used) * 2 >= this.limit
    this.change(now, () => algorithm.sample(this.lastRttMs, inflight, dropped))
    if (!algorithm.wantsProbes || !this.probe.isDue()) return
    // Who leaves most of the limit unused has measured already what a probe would.
    if (isUsed) this.beginProbe()
    else this.rebase(now, this.lastRttMs)
  }

  private beginProbe(): void {
    this.probe.begin(this.limit)
    this.gate.resize(this.probe.limit)
    const patienceMs = Math.max(1, PATIENCE * this.lastRttMs)
    const giveUp = (): void => this.giveUpProbe()
    this.patience = this.options.clock.setBackgroundTimer(giveUp, patienceMs)
  }

  private learnFromProbe(now: number, rttMs: number, dropped: boolean): void {
    const { algorithm, probe, gate } = this
    if (dropped) {
      this.endProbe(1)
      this.change(now, () => algorithm.sample(rttMs, gate.used, true))
      return
    }
    this.patience?.restart()
    const baselineMs = probe.observe(now, rttMs, gate.used - 1)
    if (baselineMs === undefined) return
    this.rebase(now, baselineMs)
  }

  private rebase(now: number, baselineMs: number): void {
    const { algorithm } = this
    this.endProbe(algorithm.baselineMs / baselineMs)
    this.change(now, () => algorithm.rebase(baselineMs))
  }

  /**
   * Calls that take very long, such as those of a long poll, may have taken up
   * all that a probe lets in, and the others must not wait for their end.
   */
  private giveUpProbe(): void {
    this.endProbe(1)
    this.change(this.now(), () => undefined)
  }

  private endProbe(drop: number): void {
    this.patience?.cancel()
    this.patience = undefined
    this.probe.end(drop)
  }

  private change(now: number, update: () => void): void {
    const previous = this.limit
    update()
    this.window.restart(now)
    const { limit, gate } = this
    if (gate.limit !== limit) gate.resize(limit)
    if (limit === previous) return
    callHook('onLimit', this.options.onLimit, limit, previous)
    if (!adaptChannel.hasSubscribers) return
    const { algorithm } = this.options
    adaptChannel.publish({ limiter: this.name, algorithm, limit, previous, rttMs: this.lastRttMs })
  }
}
