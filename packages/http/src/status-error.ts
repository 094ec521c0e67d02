import { encodingOf, decodeNow } from './decode.ts'
import { HttpStatusError } from './errors.ts'
import { headerOf, type ResponseHeaders } from './header-list.ts'
import { parseProblem } from './problem.ts'
import { redactHeaders, redactText } from './redact-answer.ts'
import type { HttpRequest } from './request.ts'

/** What an answer is known by. */
export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: ResponseHeaders
  readonly body: Buffer | undefined
  /** How much of the body is wanted; its compressed beginning may become far more. */
  readonly gatherBytes: number
}

/** Under which names servers say how they call a request, the commonest first. */
const requestIdHeaders = [
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-ms-request-id',
  'x-github-request-id',
  'x-correlation-id',
  'cf-ray'
] as const

/** The error for an answer that is not a success, with nothing secret in it. */
export function statusError(
  answer: Answer,
  request: HttpRequest,
  retryAfterMs: number | undefined
): HttpStatusError {
  const { status, statusText, headers } = answer
  const body = excerpt(answer, request)
  const problem =
    body === undefined ? undefined : parseProblem(headerOf(headers, 'content-type') ?? '', body)
  return new HttpStatusError({
    status,
    statusText: redactText(statusText, request),
    method: request.method,
    url: request.url,
    headers: redactHeaders(headers, request),
    body,
    problem,
    requestId: requestIdOf(headers),
    retryAfterMs
  })
}

function excerpt(answer: Answer, request: HttpRequest): string | undefined {
  const { body } = answer
  if (body === undefined) return undefined
  const encoding = encodingOf(headerOf(answer.headers, 'content-encoding'))
  const text = decodeNow(body, encoding)?.toString('utf8', 0, answer.gatherBytes)
  return text === undefined ? undefined : redactText(text, request)
}

function requestIdOf(headers: ResponseHeaders): string | undefined {
  for (const name of requestIdHeaders) {
    const value = headerOf(headers, name)
    if (value !== undefined) return value
  }
  return undefined
}
