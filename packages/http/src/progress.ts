import { callHook } from '@aplomb/kernel'
import { Attempt } from './attempt.ts'
import { headerOf } from './header-list.ts'
import type { EngineController } from './undici.ts'

/** An attempt whose bytes are counted, for those who asked to be told. */
export class ObservedAttempt extends Attempt {
  private uploaded = 0

  /** A stream may give text. */
  onBodySent(chunk: Uint8Array | string): void {
    const { onUploadProgress } = this.call.settings
    this.uploaded += Buffer.byteLength(chunk)
    const { request } = this
    const totalBytes = request.body?.size ?? lengthOf(request.header('content-length'))
    callHook('onUploadProgress', onUploadProgress, { bytes: this.uploaded, totalBytes })
  }

  override onResponseData(controller: EngineController, chunk: Buffer): void {
    super.onResponseData(controller, chunk)
    const { onDownloadProgress } = this.call.settings
    // The body of a redirect or a failure is not what was asked for.
    const isWanted = this.gatherBytes > 0 && this.setback === undefined
    if (onDownloadProgress === undefined || !isWanted) return
    const totalBytes = lengthOf(headerOf(this.headers, 'content-length'))
    callHook('onDownloadProgress', onDownloadProgress, { bytes: this.received, totalBytes })
  }
}

function lengthOf(header: string | undefined): number | undefined {
  const length = Number(header)
  return Number.isInteger(length) && length > 0 ? length : undefined
}
