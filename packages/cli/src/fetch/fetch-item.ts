import { isAplombError, TimeoutError, type Clock } from '@aplomb/kernel'
import { HttpNetworkError, HttpStatusError, type HttpClient, type HttpResponse } from '@aplomb/http'
import type { Item } from './item.ts'
import { rowOf, textOrBase64, type Answer, type Row } from './row.ts'

/** Fetches one item. It never fails: what goes wrong becomes the row. */
export async function fetchItem(
  client: HttpClient,
  clock: Clock,
  item: Item,
  correlationId?: string
): Promise<Row> {
  const startedAt = clock.now()
  const { method, url, headers, body } = item
  try {
    const plain = headers === undefined && body === undefined && correlationId === undefined
    const request = plain ? undefined : { headers, body, correlationId }
    const response = await client.request(method, url, request).response()
    const answer = answerOf(response, await response.bytes())
    return rowOf(item, answer, response.attempts, clock.now() - startedAt)
  } catch (error) {
    return failedRow(item, error, clock.now() - startedAt)
  }
}

function answerOf({ ok, status, headerRecord }: HttpResponse, bytes: Uint8Array): Answer {
  const { body, bodyEncoding } = textOrBase64(bytes)
  return { ok, status, headers: headerRecord, body, bodyEncoding }
}

/** A failed item keeps what the server said last, if it said anything. */
function failedRow(item: Item, error: unknown, durationMs: number): Row {
  const { attempts } = error as { attempts?: readonly unknown[] }
  const last = lastCause(error)
  const answered = last instanceof HttpStatusError ? last : undefined
  const answer: Answer = {
    ok: false,
    status: answered?.status,
    headers: answered?.headers,
    body: answered?.body,
    bodyEncoding: 'utf8'
  }
  return {
    ...rowOf(item, answer, attempts?.length ?? 1, durationMs),
    reason: reasonOf(last),
    error: error instanceof Error ? error.message : String(error)
  }
}

/** What went wrong, in a word or two, to count by. */
export function reasonOf(error: unknown): string {
  if (error instanceof HttpStatusError) return `HTTP ${error.status}`
  if (error instanceof HttpNetworkError) return error.errno ?? error.class
  if (error instanceof TimeoutError) return `timeout (${error.phase})`
  return isAplombError(error) ? error.code : 'failed'
}

/** Giving up is not the reason; what was given up on is. */
function lastCause(error: unknown): unknown {
  const gaveUp = isAplombError(error) && error.kind === 'exhausted'
  return gaveUp && error.cause !== undefined ? error.cause : error
}
