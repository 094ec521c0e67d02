import type { Attempt } from './attempt.ts'
import { jsonOf, textOf } from './body-text.ts'
import type { Delivery } from './call-types.ts'
import { decodeAll, encodingOf } from './decode.ts'
import { headerOf } from './header-list.ts'
import { HttpResponse } from './http-response.ts'
import type { IncomingBody } from './incoming-body.ts'
import { validate, type Schema } from './schema.ts'

/** Gathers the body, decodes it if it is compressed, and gives what `parse` makes of it. */
function gathered<T>(parse: (body: Buffer | undefined, attempt: Attempt) => T): Delivery {
  return {
    streams: false,
    deliver(attempt) {
      const { body, headers } = attempt
      if (body === undefined || !Object.hasOwn(headers, 'content-encoding')) {
        return parse(body, attempt)
      }
      const { decompress, maxDecodedBytes } = attempt.call.settings
      const encoding = decompress ? encodingOf(headerOf(headers, 'content-encoding')) : undefined
      return decodeAll(body, encoding, maxDecodedBytes, attempt.request).then((decoded) =>
        parse(decoded, attempt)
      )
    }
  }
}

const empty = Buffer.alloc(0)

export const asBytes: Delivery = gathered((body) => body ?? empty)
export const asText: Delivery = gathered((body) => (body === undefined ? '' : textOf(body)))
export const asJson: Delivery = gathered((body, { status, request }) =>
  jsonOf(body, status, request)
)

export function asValid(schema: Schema): Delivery {
  return gathered((body, { status, request }) =>
    validate(schema, jsonOf(body, status, request), request)
  )
}

export const asStream: Delivery = {
  streams: true,
  deliver: (_attempt, body) => (body as IncomingBody).stream()
}

export const asResponse: Delivery = {
  streams: true,
  deliver: (attempt, body) => new HttpResponse(attempt, body)
}
