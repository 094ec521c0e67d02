import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import { systemClock, type Timer } from '@aplomb/kernel'
import type { ExchangeTools } from './exchange.ts'
import { hasHeader } from './header-list.ts'
import { drawLatency } from './latency.ts'
import { piecesOf } from './pieces.ts'
import { datedPlan, hasNoBody, type Ending, type Plan } from './plan.ts'

/** Time for what was sent to be read, in real milliseconds. */
const FLIGHT_MS = 5

/**
 * Carries out a plan on a real socket. `done` is called once: when all is handed over, when the
 * fault has struck, or when the client has gone.
 */
export class WireExchange {
  private readonly plan: Plan
  private readonly response: ServerResponse
  private readonly tools: ExchangeTools
  private readonly done: () => void
  private timer: Timer | undefined = undefined
  private wake: (() => void) | undefined = undefined
  private over = false

  constructor(plan: Plan, response: ServerResponse, tools: ExchangeTools, done: () => void) {
    this.plan = datedPlan(plan, tools.clock)
    this.response = response
    this.tools = tools
    this.done = done
  }

  /** `extraMs` comes before the plan's own delay. */
  start(extraMs: number, extraHeaders?: readonly string[]): void {
    const { plan, tools, response } = this
    const delayMs = extraMs + (plan.delayMs === 0 ? 0 : drawLatency(plan.delayMs, tools.random))
    if (response.destroyed) return this.finish()
    response.once('close', () => this.finish())
    if (delayMs > 0) this.later(delayMs, () => this.begin(extraHeaders))
    else this.begin(extraHeaders)
  }

  private begin(extraHeaders: readonly string[] = []): void {
    const { plan, response } = this
    const cannotConnect = plan.connection !== undefined
    // Too late for a connection that does not come about; a broken one is the nearest thing.
    if (cannotConnect) return this.strike('reset')
    if (plan.endsAt === 'start') return this.strike(plan.ending)
    const headers = extraHeaders.length === 0 ? plan.headers : [...plan.headers, ...extraHeaders]
    if (plan.rawFraming) return this.writeRaw(headers)
    const { body, status, statusText } = plan
    if (body === undefined || hasNoBody(response.req.method ?? 'GET', status)) {
      const length = body instanceof Uint8Array ? body.length : 0
      this.writeHead(status, statusText, headers, status === 204 || status === 304 ? -1 : length)
      response.end()
      return
    }
    if (body instanceof Uint8Array) {
      this.writeHead(status, statusText, headers, body.length)
      if (plan.drip === undefined && plan.endsAt >= body.length && plan.ending === 'end')
        response.end(body)
      else void this.writePieces(piecesOf(body, plan.drip?.bytes))
      return
    }
    this.writeHead(status, statusText, headers, -1)
    void this.writePieces(body())
  }

  private writeHead(
    status: number,
    statusText: string | undefined,
    headers: readonly string[],
    length: number
  ): void {
    const all = [...headers]
    if (length >= 0 && !hasHeader(all, 'content-length') && !hasHeader(all, 'transfer-encoding')) {
      all.push('content-length', String(length))
    }
    if (statusText === undefined) this.response.writeHead(status, all)
    else this.response.writeHead(status, statusText, all)
  }

  /** Sends exactly what the plan says, in one piece, then ends as it says. */
  private writeRaw(headers: readonly string[]): void {
    const { plan, response } = this
    const { socket } = response
    const lines = [`HTTP/1.1 ${plan.status} ${plan.statusText ?? STATUS_CODES[plan.status] ?? ''}`]
    for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
    socket?.write(`${lines.join('\r\n')}\r\n\r\n`)
    if (plan.body instanceof Uint8Array) socket?.write(plan.body)
    this.strike(plan.ending)
  }

  private async writePieces(
    source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>
  ): Promise<void> {
    const { plan } = this
    let left = plan.endsAt as number
    try {
      if (left <= 0) this.response.flushHeaders()
      for await (const piece of source) {
        if (this.over) return
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
        const part = bytes.length > left ? bytes.subarray(0, left) : bytes
        left -= part.length
        if (part.length > 0) await this.write(part)
        if (left <= 0) break
        if (plan.drip !== undefined) await this.pause(plan.drip.everyMs)
      }
    } catch {
      // The stream that the test gave has failed: so does the connection.
      return this.strike('reset')
    }
    if (this.over) return
    if (plan.ending === 'end') this.response.end()
    else this.strike(plan.ending)
  }

  private write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
      this.response.write(bytes, () => resolve())
    })
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
      this.later(ms, resolve)
    })
  }

  private strike(ending: Ending): void {
    const { socket } = this.response
    // A client that finds RST together with data may take it for an end, so the data goes first.
    if (ending === 'reset' && this.response.headersSent && socket instanceof Socket) {
      systemClock.setTimer(() => resetSocket(socket), FLIGHT_MS)
    } else if (ending === 'reset') resetSocket(socket)
    else if (ending === 'close') socket?.destroySoon()
    else if (ending === 'end') this.response.end()
    // A stall stays as it is until the client goes.
  }

  private later(ms: number, then: () => void): void {
    this.timer = this.tools.clock.setTimer(then, ms)
  }

  private finish(): void {
    if (this.over) return
    this.over = true
    this.timer?.cancel()
    this.wake?.()
    this.done()
  }
}

const plainBelow = new WeakMap<Socket, Socket>()

/** TLS cannot reset; the connection below it can. */
export function runsOver(encrypted: Socket, plain: Socket): void {
  plainBelow.set(encrypted, plain)
}

/** Sends RST rather than FIN. */
export function resetSocket(socket: Socket | null): void {
  if (socket === null) return
  const plain = plainBelow.get(socket) ?? socket
  // A socket that is shutting down cannot be reset any more, and Node.js would never close it.
  if (plain.writableEnded || plain.destroyed) plain.destroy()
  else plain.resetAndDestroy()
}
