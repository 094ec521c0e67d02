import { Writable } from 'node:stream'
import { Context, keepShape, type Clock } from '@aplomb/kernel'
import { Attempt } from './attempt.ts'
import { Call } from './call.ts'
import type { CallSettings } from './call-settings.ts'
import type { CallShared } from './call-types.ts'
import { asJson } from './deliver.ts'
import { fetchResponse } from './fetch-response.ts'
import { ForwardedRequest } from './forwarded-request.ts'
import { Forwarding } from './forwarding.ts'
import { HttpResponse } from './http-response.ts'
import { IncomingBody } from './incoming-body.ts'
import type { Origin } from './origin.ts'
import { PendingResponse, type Caller } from './pending-response.ts'
import { HttpRequest } from './request.ts'

let kept = false

/** Keeps the shape of everything that there is one of for each call; see `keepShape`. */
export function keepShapes(): void {
  if (kept) return
  kept = true
  const clock = { coarseNow: () => 0.5 } as Clock
  const settings = { maxHedges: 0 } as CallSettings
  const request = new HttpRequest('GET', '', '/', [], undefined, false)
  const shared = { clock } as CallShared
  const call = new Call(Context.none, shared, settings, request, asJson, ignore, ignore)
  const attempt = new Attempt(call, 1, request, { slots: { clock } } as Origin)
  const body = new IncomingBody(attempt, request, undefined, settings)
  void body.bytes()
  const stream = new IncomingBody(attempt, request, undefined, settings).stream()
  stream.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }))
  keepShape(attempt)
  keepShape(stream)
  keepShape(request.engineOptions(0, call))
  keepShape(new PendingResponse({} as Caller, 'GET', '/', undefined))
  keepShape(new HttpResponse(attempt, body))
  keepShape(fetchResponse(attempt, body))
  keepShape(new ForwardedRequest({ method: 'GET', path: '/' }, ''))
  const forwarding = new Forwarding({})
  keepShape(forwarding)
  keepShape(forwarding.attempt(call, 1, request, attempt.origin))
}

function ignore(): void {}
