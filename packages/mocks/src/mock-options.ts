import {
  clockOption,
  fields,
  randomOption,
  resolveOptions,
  type Clock,
  type Field,
  type Random
} from '@aplomb/kernel'
import { urlPattern, type UrlInput, type UrlPattern } from './url-pattern.ts'

export interface MockHttpOptions {
  /**
   * Unmatched requests, routes never called and sequences left over fail `verify` and the end of
   * the block. An unmatched request never reaches the network, strict or not. Default: true.
   */
  readonly strict?: boolean
  /**
   * Also take the requests of every other client in this process, by their sockets. Without, only
   * what goes through `dispatcher` is mocked. Default: true.
   */
  readonly sockets?: boolean
  /** Addresses that may go to the real network. Default: none. */
  readonly passThrough?: readonly UrlInput[]
  /**
   * Take only requests of the code that these mocks were made in, never those from elsewhere, such
   * as a timer that was started before. Default: false.
   */
  readonly isolated?: boolean
  /** How many calls are kept. Default: all. */
  readonly keepCalls?: number
  /** Drives delays and the dispatcher's timeouts. Default: the machine's clock. */
  readonly clock?: Clock
  /** Where the chance of latencies comes from. Default: the process's generator. */
  readonly random?: Random
}

const urlsField: Field<readonly UrlInput[]> = fields.custom(
  'an array of addresses',
  (value) => Array.isArray(value),
  []
)

/** All options, filled in. */
export type MockSettings = Readonly<Required<MockHttpOptions>>

/** @throws OptionsError with every problem. */
export function mockSettings(input: MockHttpOptions | undefined): MockSettings {
  return resolveOptions<Required<MockHttpOptions>>('mockHttp', input, {
    strict: fields.boolean(true),
    sockets: fields.boolean(true),
    passThrough: urlsField,
    isolated: fields.boolean(false),
    keepCalls: fields.integer(Number.POSITIVE_INFINITY, { min: 1 }),
    clock: clockOption,
    random: randomOption
  })
}

/** An origin stands for everything below it. */
export function anyPathPattern(url: UrlInput): UrlPattern {
  if (url instanceof RegExp) return urlPattern(url, undefined)
  const text = String(url)
  return urlPattern(
    /^[a-z]+:\/\/[^/]+\/?$/i.test(text) ? `${text.replace(/\/$/, '')}/*` : text,
    undefined
  )
}
