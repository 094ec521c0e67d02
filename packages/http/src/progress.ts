import { callHook } from '@aplomb/kernel'
import { Attempt } from './attempt.ts'
import { headerOf } from './header-list.ts'
import type { EngineController } from './undici.ts'

/** An attempt whose bytes are counted, for those who asked to be told. */
export class ObservedAttempt extends Attempt {
  private uploaded = 0

  onBodySent(chunk: Uint8Array): void {
    const { onUploadProgress } = this.call.settings
    this.uploaded += chunk.length
    const totalBytes = this.request.body?.size
    callHook('onUploadProgress', onUploadProgress, { bytes: this.uploaded, totalBytes })
  }

  override onResponseData(controller: EngineController, chunk: Buffer): void {
    super.onResponseData(controller, chunk)
    const { onDownloadProgress } = this.call.settings
    if (onDownloadProgress === undefined) return
    const length = Number(headerOf(this.headers, 'content-length'))
    const totalBytes = Number.isInteger(length) && length > 0 ? length : undefined
    callHook('onDownloadProgress', onDownloadProgress, { bytes: this.received, totalBytes })
  }
}
