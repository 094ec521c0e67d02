import { hash } from 'node:crypto'
import { HttpBodyError } from './errors.ts'
import { fetchError } from './fetch-error.ts'
import type { FetchResponse } from './fetch-response.ts'
import { redactUrl } from './redact.ts'

/** Weakest first; of several the strongest counts. */
const algorithms = ['sha256', 'sha384', 'sha512'] as const

interface Digest {
  readonly algorithm: (typeof algorithms)[number]
  readonly value: string
}

/**
 * The response, once its whole body is here and has one of the expected digests (Subresource
 * Integrity). As there, what names no known algorithm asks for nothing.
 *
 * @throws HttpBodyError, as fetch rejects with it
 */
export async function verified(
  pending: Promise<FetchResponse>,
  integrity: string,
  method: string
): Promise<FetchResponse> {
  const response = await pending
  const wanted = strongest(integrity)
  if (wanted.length === 0) return response
  const bytes = await response.bytes()
  const fits = ({ algorithm, value }: Digest): boolean =>
    hash(algorithm, bytes, 'base64url') === value
  if (wanted.some(fits)) return response.withBytes(bytes)
  const facts = { method, url: redactUrl(response.url) }
  const error = new HttpBodyError('the body does not have the expected digest', facts)
  throw fetchError(error, 'fetch failed')
}

function strongest(integrity: string): readonly Digest[] {
  const digests: Digest[] = []
  for (const token of integrity.split(/\s+/u)) {
    // A value that is no digest is one that no body has.
    const [, algorithm, value] = /^(sha\d{3})-([^?]*?)={0,2}(?:\?.*)?$/iu.exec(token) ?? []
    const known = algorithms.find((name) => name === algorithm?.toLowerCase())
    if (known === undefined || value === undefined) continue
    digests.push({ algorithm: known, value: value.replaceAll('+', '-').replaceAll('/', '_') })
  }
  const best = algorithms.findLast((name) => digests.some(({ algorithm }) => algorithm === name))
  return digests.filter(({ algorithm }) => algorithm === best)
}
