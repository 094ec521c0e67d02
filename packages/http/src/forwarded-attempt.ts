import { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { ResponseHeaders } from './header-list.ts'
import type { HttpRequest } from './request.ts'
import type { Origin } from './origin.ts'
import type { EngineController } from './undici.ts'

/** Who is told what an attempt meets with besides its answer. */
export interface Onlooker {
  /** A 1xx response. */
  informed(attempt: Attempt, status: number, headers: ResponseHeaders, statusText?: string): void
  bodySent(chunk: Buffer): void
  requestSent(): void
  /** The first byte of a response. */
  responseStarted(): void
}

/** An attempt whose handler wants to know of all that the engine tells. */
export class ForwardedAttempt extends Attempt {
  private readonly onlooker: Onlooker

  constructor(call: Call, number: number, request: HttpRequest, origin: Origin, to: Onlooker) {
    super(call, number, request, origin)
    this.onlooker = to
  }

  override onResponseStart(
    controller: EngineController,
    status: number,
    headers: ResponseHeaders,
    statusText?: string
  ): void {
    if (status >= 200) super.onResponseStart(controller, status, headers, statusText)
    else if (!this.over) this.onlooker.informed(this, status, headers, statusText)
  }

  onBodySent(chunk: Buffer): void {
    if (!this.over) this.onlooker.bodySent(chunk)
  }

  onRequestSent(): void {
    if (!this.over) this.onlooker.requestSent()
  }

  onResponseStarted(): void {
    if (!this.over) this.onlooker.responseStarted()
  }
}
