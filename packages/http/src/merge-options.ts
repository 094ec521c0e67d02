import type { ClientOptions } from './client-options.ts'
import { changeHeaders, headerList } from './header-list.ts'

/** Options that only the shared parts know of: a client that changes one has parts of its own. */
const sharedOptions: readonly (keyof ClientOptions)[] = [
  'dispatcher',
  'connections',
  'keepAliveMs',
  'http2',
  'tls',
  'socketPath',
  'proxy',
  'maxHeaderBytes',
  'ssrfGuard',
  'cache',
  'coalesce',
  'limits',
  'breaker',
  'clock',
  'random',
  'onResponse'
]

/** True when `changes` need connections, limits or breakers of their own. */
export function changesShared(changes: ClientOptions): boolean {
  return sharedOptions.some((name) => changes[name] !== undefined)
}

/** `changes` over `base`; headers and the parts that are objects are merged. */
export function mergeOptions(base: ClientOptions, changes: ClientOptions): ClientOptions {
  const merged: Record<string, unknown> = { ...base, ...changes }
  for (const name of ['timeout', 'retry', 'limits', 'idempotency'] as const) {
    const [below, above] = [base[name], changes[name]]
    if (isPlain(below) && isPlain(above)) merged[name] = { ...below, ...above }
  }
  if (base.headers !== undefined && changes.headers !== undefined) {
    merged['headers'] = pairsOf(changeHeaders(headerList(base.headers), changes.headers))
  }
  return merged
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** A flat list of headers as pairs. */
export function pairsOf(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index < list.length; index += 2) {
    pairs.push([list[index] as string, list[index + 1] as string])
  }
  return pairs
}
