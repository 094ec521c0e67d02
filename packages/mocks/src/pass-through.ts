import type { ServerResponse } from 'node:http'
import type { MockRequest } from './mock-request.ts'
import { sendToNetwork } from './real-request.ts'

/** Sends a request on to where it was meant to go, and its answer back as it comes. */
export function forwardToNetwork(
  request: MockRequest,
  response: ServerResponse,
  fail: (error: Error) => void
): void {
  const giveUp = sendToNetwork(
    request,
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
      answer.on('error', fail)
      answer.pipe(response)
    },
    fail
  )
  response.once('close', giveUp)
}
