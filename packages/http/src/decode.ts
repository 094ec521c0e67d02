import { pipeline, type Duplex, type Readable } from 'node:stream'
import {
  brotliDecompress,
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  zstdDecompress,
  zstdDecompressSync
} from 'node:zlib'
import { damagedBody, Decoder } from './decoder.ts'
import { HttpBodyError, HttpTooLargeError, type RequestFacts } from './errors.ts'

/** Node.js 22 takes a zstd body that was cut short for a whole one. */
const noticesCutZstd: boolean = Number.parseInt(process.versions.node, 10) >= 24

/** What we ask for, best first. */
export const acceptEncoding: string = `gzip, deflate, br${noticesCutZstd ? ', zstd' : ''}`

type OneShot = (
  input: Buffer,
  options: { maxOutputLength: number },
  callback: (error: Error | null, output: Buffer) => void
) => void

type Now = (input: Buffer, options: { maxOutputLength: number; finishFlush: number }) => Buffer

interface Codec {
  readonly all: OneShot
  readonly now: Now
  /** The flush that makes what is there of a body come out, though its end is missing. */
  readonly flush: number
  readonly stream: (firstByte: number) => Duplex
}

const codecs: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  [
    'gzip',
    {
      all: gunzip,
      now: gunzipSync,
      flush: constants.Z_SYNC_FLUSH,
      stream: () => createGunzip()
    }
  ],
  [
    'x-gzip',
    {
      all: gunzip,
      now: gunzipSync,
      flush: constants.Z_SYNC_FLUSH,
      stream: () => createGunzip()
    }
  ],
  [
    'deflate',
    {
      all: (input, options, callback) =>
        (isRaw(input[0]) ? inflateRaw : inflate)(input, options, callback),
      now: (input, options) => (isRaw(input[0]) ? inflateRawSync : inflateSync)(input, options),
      flush: constants.Z_SYNC_FLUSH,
      stream: (firstByte) => (isRaw(firstByte) ? createInflateRaw() : createInflate())
    }
  ],
  [
    'br',
    {
      all: brotliDecompress,
      now: brotliDecompressSync,
      flush: constants.BROTLI_OPERATION_FLUSH,
      stream: () => createBrotliDecompress()
    }
  ],
  [
    'zstd',
    {
      all: zstdDecompress,
      now: zstdDecompressSync,
      flush: constants.ZSTD_e_flush,
      stream: () => createZstdDecompress()
    }
  ]
])

/** Some servers leave the zlib header of `deflate` out (RFC 9110, 8.4.1.2). */
function isRaw(firstByte: number | undefined): boolean {
  return ((firstByte ?? 0) & 0x0f) !== 8
}

/** More layers than a server has reason for; each multiplies what a bomb may do. */
const MOST_LAYERS = 3

/** `content-encoding` as what has to be undone, undefined for nothing (or an unknown one). */
export function encodingOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const layers = layersOf(value)
  return layers.length > 0 && layers.every((layer) => codecs.has(layer))
    ? layers.join(',')
    : undefined
}

function layersOf(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((layer) => layer.trim())
    .filter((layer) => layer !== '' && layer !== 'identity')
}

/** Decodes a whole body; one that was cut short, or that grows too large, rejects. */
export async function decodeAll(
  body: Buffer,
  encoding: string | undefined,
  maxBytes: number,
  facts: RequestFacts
): Promise<Buffer> {
  if (encoding === undefined || body.length === 0) return body
  let decoded = body
  for (const layer of codecsOf(encoding, facts)) {
    decoded = await decodeLayer(layer, decoded, maxBytes, facts)
  }
  return decoded
}

/** The decoded beginning of a body, perhaps cut short, for messages; undefined if that fails. */
export function decodeNow(body: Buffer, encoding: string | undefined): Buffer | undefined {
  if (encoding === undefined) return body
  let decoded = body
  try {
    for (const layer of encoding.split(',').toReversed()) {
      const { now, flush } = codecs.get(layer) as Codec
      decoded = now(decoded, { maxOutputLength: 256 * 1024, finishFlush: flush })
    }
    return decoded
  } catch {
    return undefined
  }
}

function decodeLayer(
  { all }: Codec,
  body: Buffer,
  maxBytes: number,
  facts: RequestFacts
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    all(body, { maxOutputLength: maxBytes }, (error, output) => {
      if (error === null) resolve(output)
      else reject(decodeError(error, maxBytes, facts))
    })
  })
}

function decodeError(error: Error, maxBytes: number, facts: RequestFacts): Error {
  const { code } = error as { code?: string }
  return code === 'ERR_BUFFER_TOO_LARGE'
    ? new HttpTooLargeError('maxDecodedBytes', maxBytes, facts, { cause: error })
    : damagedBody(error, facts)
}

/** The decoded stream of an encoded one; it fails where that fails or is cut short. */
export function decoderFor(source: Readable, encoding: string, facts: RequestFacts): Readable {
  const layers = codecsOf(encoding, facts).map((codec) => new Decoder(codec.stream, facts))
  const last = layers.at(-1) as Decoder
  pipeline([source, ...layers], (error) => {
    if (error != null && !last.destroyed) last.destroy(error)
  })
  return last
}

function codecsOf(encoding: string, facts: RequestFacts): Codec[] {
  const layers = encoding.split(',')
  if (layers.length > MOST_LAYERS) {
    throw new HttpBodyError(`more than ${MOST_LAYERS} content encodings`, facts)
  }
  // The last one listed was applied last, so it is undone first.
  return layers.toReversed().map((layer) => codecs.get(layer) as Codec)
}
