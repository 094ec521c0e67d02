import { invalidOptions, type Report } from '@aplomb/kernel'
import type { CallSettings } from './call-settings.ts'
import type { RequestOptions, TimeoutSettings } from './client-options.ts'
import {
  callFields,
  fullTimeouts,
  timeoutRules,
  type ResolvedCallOptions,
  type ResolvedClientOptions
} from './resolve-options.ts'

const infinity = Number.POSITIVE_INFINITY

type CallPart = ResolvedCallOptions

/** The settings of a client's calls that say nothing for themselves. */
export function settingsOf(options: ResolvedClientOptions): CallSettings {
  return {
    ...timeoutSettings(options.timeout),
    ...retrySettings(options.retry),
    ...hedgeSettings(options.hedge),
    ...bodySettings(options),
    limitKey: undefined,
    limitWeight: 1,
    priority: 0,
    deadlineHeader: options.deadlineHeader,
    onUploadProgress: undefined,
    onDownloadProgress: undefined
  }
}

type Changes = { -readonly [K in keyof CallSettings]?: CallSettings[K] }

/** The client's settings with a call's own changes; what a call does not mention stays. */
export function changedSettings(base: CallSettings, options: RequestOptions): CallSettings {
  const checked = checking((report) => checkedOptions(options, report))
  const { timeout, retry } = options
  const changes: Changes = {}
  if (timeout !== undefined) Object.assign(changes, timeoutChanges(base, timeout))
  if (retry !== undefined && checked.retry !== undefined) {
    const full = retrySettings(checked.retry)
    Object.assign(changes, retry === false ? full : mentioned(retry, full))
  }
  if (checked.hedge !== undefined) Object.assign(changes, hedgeSettings(checked.hedge))
  for (const name of bodyNames) if (checked[name] !== undefined) assign(changes, checked, name)
  for (const name of ownNames) if (options[name] !== undefined) assign(changes, options, name)
  const settings = { ...base, ...changes }
  checking((report) => timeoutRules(settings, report))
  return settings
}

/** Only what is given, since this is done for each call. */
function checkedOptions(options: RequestOptions, report: Report): Partial<CallPart> {
  const checked: Record<string, unknown> = {}
  for (const name of callNames) {
    const value = options[name]
    if (value !== undefined) checked[name] = callFields[name].resolve(value, name, report)
  }
  return checked
}

/** @throws OptionsError with all that `check` reports */
function checking<T>(check: (report: Report) => T): T {
  const issues: string[] = []
  const result = check((path, problem) => void issues.push(`${path}: ${problem}`))
  if (issues.length > 0) throw invalidOptions('request', issues)
  return result
}

const bodyNames = [
  'throwOnStatus',
  'redirect',
  'maxRedirects',
  'maxResponseBytes',
  'maxDecodedBytes',
  'errorBodyBytes',
  'decompress'
] as const
const ownNames = [
  'limitKey',
  'limitWeight',
  'priority',
  'onUploadProgress',
  'onDownloadProgress'
] as const
const callNames = [...bodyNames, 'timeout', 'retry', 'hedge'] as const

/** True when a call changes how calls are made. */
export function changesSettings(options: RequestOptions): boolean {
  for (const name of callNames) if (Object.hasOwn(options, name)) return true
  for (const name of ownNames) if (Object.hasOwn(options, name)) return true
  return false
}

function assign(changes: Changes, from: object, name: keyof CallSettings): void {
  changes[name] = (from as never)[name]
}

/** A shorter total shortens the attempts, unless they are said as well. */
function timeoutChanges(base: CallSettings, timeout: TimeoutSettings | false): Changes {
  if (timeout === false) return timeoutSettings(false)
  const { totalMs = base.totalMs, poolMs = base.poolMs, idleMs = base.idleMs } = timeout
  const { attemptMs = Math.min(base.attemptMs, totalMs) } = timeout
  return { totalMs, attemptMs, poolMs, idleMs }
}

function timeoutSettings(
  timeout: TimeoutSettings | false
): Pick<CallSettings, 'totalMs' | 'attemptMs' | 'poolMs' | 'idleMs'> {
  const { totalMs, attemptMs, poolMs, idleMs } = fullTimeouts(timeout)
  return { totalMs, attemptMs, poolMs, idleMs }
}

type RetryPart = Pick<
  CallSettings,
  'maxRetries' | 'backoff' | 'maxRetryAfterMs' | 'retryStatuses' | 'shouldRetry' | 'onRetry'
>

function retrySettings(retry: ResolvedClientOptions['retry']): RetryPart {
  if (retry === false) {
    return {
      maxRetries: 0,
      backoff: () => 0,
      maxRetryAfterMs: 60_000,
      retryStatuses: undefined,
      shouldRetry: undefined,
      onRetry: undefined
    }
  }
  const { maxRetries, backoff, maxRetryAfterMs, statuses } = retry
  return {
    maxRetries,
    backoff,
    maxRetryAfterMs,
    retryStatuses: statuses === undefined ? undefined : new Set(statuses),
    shouldRetry: retry.shouldRetry,
    onRetry: retry.onRetry
  }
}

function mentioned(given: object, full: RetryPart): Changes {
  const changes: Changes = {}
  for (const name of Object.keys(given)) {
    const key = name === 'statuses' ? 'retryStatuses' : name
    if (key in full) assign(changes, full, key as keyof CallSettings)
  }
  return changes
}

function hedgeSettings(
  hedge: ResolvedClientOptions['hedge']
): Pick<CallSettings, 'hedgeAfterMs' | 'maxHedges'> {
  if (hedge === false) return { hedgeAfterMs: infinity, maxHedges: 0 }
  return { hedgeAfterMs: hedge.afterMs, maxHedges: hedge.maxHedges ?? 1 }
}

function bodySettings(options: CallPart): Pick<CallSettings, (typeof bodyNames)[number]> {
  const { throwOnStatus, redirect, maxRedirects, maxResponseBytes } = options as Required<CallPart>
  const { maxDecodedBytes, errorBodyBytes, decompress } = options as Required<CallPart>
  return {
    throwOnStatus,
    redirect,
    maxRedirects,
    maxResponseBytes,
    maxDecodedBytes,
    errorBodyBytes,
    decompress
  }
}
