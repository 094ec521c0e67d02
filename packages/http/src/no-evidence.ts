import { RejectedError } from '@aplomb/kernel'

/** How an attempt ends for the breaker when it says nothing about the server; nobody sees it. */
export class NoEvidenceError extends RejectedError {
  override readonly name = 'NoEvidenceError'
  override readonly code = 'ERR_HTTP_NO_EVIDENCE'
}
