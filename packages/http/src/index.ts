export { balance, type Balancer, type BalanceOptions } from './balance.ts'
export { createClient } from './client.ts'
export type { HttpClient } from './http-client.ts'
export type {
  CallOptions,
  ClientOptions,
  HedgeSettings,
  IdempotencySettings,
  LimitSettings,
  RequestOptions,
  RequestSummary,
  ResponseSummary,
  RetrySettings,
  TimeoutSettings,
  TransportOptions
} from './client-options.ts'
export type { Progress, RetryNotice, RetryQuestion } from './call-settings.ts'
export {
  HttpBlockedAddressError,
  HttpBodyError,
  HttpClientClosedError,
  HttpNetworkError,
  HttpPoolTimeoutError,
  HttpQuotaError,
  HttpRedirectError,
  HttpRequestError,
  HttpSchemaError,
  HttpStatusError,
  HttpTooLargeError,
  type NetworkErrorClass
} from './errors.ts'
export type {
  EjectMessage,
  ErrorMessage,
  PauseMessage,
  RequestMessage,
  ResponseMessage,
  RetryMessage
} from './events.ts'
export type { Fetch } from './fetch.ts'
export type { FetchInit, FetchInput } from './fetch-request.ts'
export {
  dispatcherForNodeFetch,
  resilience,
  resilientDispatcher,
  type DispatcherOptions,
  type ResilienceOptions
} from './interceptor.ts'
export type { HeadersInput } from './header-list.ts'
export type { HttpResponse } from './http-response.ts'
export type { NextPage, PaginateOptions } from './paginate.ts'
export type { PendingResponse } from './pending-response.ts'
export type { ProblemDetails } from './problem.ts'
export type { BodyInput, FormInput } from './request-body.ts'
export type { Schema, SchemaOutput } from './schema.ts'
export type { GuardSettings } from './ssrf-guard.ts'
export type { Query, QueryValue } from './target.ts'
