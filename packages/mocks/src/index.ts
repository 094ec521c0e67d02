export type { Call, CallLog } from './call.ts'
export { where, type Condition, type JoinedCondition, type RequestShape } from './condition.ts'
export type { DispatcherTimeouts, MockDispatcher } from './dispatcher.ts'
export {
  MissingPeerError,
  MocksUnfinishedError,
  UnmatchedRequestError,
  type NearMiss
} from './errors.ts'
export {
  fault,
  isFault,
  type DripOptions,
  type Fault,
  type SpoiledReply,
  type StallOptions,
  type UnavailableOptions
} from './fault.ts'
export type { HeaderList, HeaderRecord, HeadersInput } from './header-list.ts'
export { latency, type Latency } from './latency.ts'
export { lookup, type Expected, type Lookup } from './lookup.ts'
export { mockHttp, MockHttp } from './mock-http.ts'
export type { MockHttpOptions } from './mock-options.ts'
export { MockScope } from './mock-scope.ts'
export { MockRequest } from './mock-request.ts'
export type { MswHandler } from './msw.ts'
export type { RateLimitForm, RateLimitReply, RetryAfter } from './rate-limit-headers.ts'
export type { RecordedBody, RecordedExchange } from './cassette.ts'
export type { Recording } from './recording.ts'
export type { RedactOptions } from './redact.ts'
export type { ReplySpec } from './reply-spec.ts'
export type { Reply, ReplyFunction, ReplyValue } from './reply.ts'
export type { Route, Times } from './route.ts'
export { mockDispatcher } from './shared-dispatcher.ts'
export type { UrlInput } from './url-pattern.ts'
export type { Verbs } from './verbs.ts'
