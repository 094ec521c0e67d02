import { HttpBodyError, type RequestFacts } from './errors.ts'

/** Text without a byte order mark. */
export function textOf(body: Buffer): string {
  const hasMark = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
  return hasMark ? body.toString('utf8', 3) : body.toString('utf8')
}

/** @throws HttpBodyError */
export function parseJson(text: string, facts: RequestFacts): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HttpBodyError('the answer is not JSON', facts, { cause: error })
  }
}
