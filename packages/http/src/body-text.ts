import { HttpBodyError, type RequestFacts } from './errors.ts'

/** Text without a byte order mark. */
export function textOf(body: Buffer): string {
  const hasMark = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
  return hasMark ? body.toString('utf8', 3) : body.toString('utf8')
}

/**
 * The parsed body; undefined where the status or the method says that there is none.
 *
 * @throws HttpBodyError
 */
export function jsonOf(body: Buffer | undefined, status: number, facts: RequestFacts): unknown {
  if (body !== undefined && body.length > 0) return parseJson(textOf(body), facts)
  if (status === 204 || status === 205 || status === 304 || facts.method === 'HEAD') {
    return undefined
  }
  throw new HttpBodyError('the answer is empty, not JSON', facts)
}

function parseJson(text: string, facts: RequestFacts): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HttpBodyError('the answer is not JSON', facts, { cause: error })
  }
}
