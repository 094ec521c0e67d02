import * as fields from './fields.ts'

export { abortable, type AbortListener, type Cancellation } from './cancellation.ts'
export { eventChannel, subscribeTo, type EventChannel } from './channel.ts'
export { clockOption, randomOption } from './clock-option.ts'
export { systemClock, type Clock, type Timer } from './clock.ts'
export { Context, type ContextChanges, type ContextOptions } from './context.ts'
export { closestTo } from './did-you-mean.ts'
export {
  asyncDisposable,
  disposable,
  suppressedError,
  type SuppressedErrorLike
} from './dispose.ts'
export {
  AplombError,
  DeadlineUnreachableError,
  errorBrand,
  ExhaustedError,
  FailedError,
  InvalidError,
  isAplombError,
  RejectedError,
  TimeoutError,
  type AttemptRecord,
  type ErrorKind,
  type TimeoutErrorOptions
} from './errors.ts'
export { callHook } from './hook.ts'
export { httpStatusOf } from './http-status.ts'
export { keepShape } from './keep-shape.ts'
export {
  describe,
  invalidOptions,
  OptionsError,
  resolveFields,
  resolveOptions,
  type Field,
  type Fields,
  type Report
} from './options.ts'
export type { Door, Limiter, Operation, Outcome, Permit, Policy } from './policy.ts'
export { systemRandom, type Random } from './random.ts'
export { linkSignals, type LinkedSignal } from './signal.ts'
export { sleep } from './sleep.ts'
export { TimerStock } from './timer-stock.ts'
export { endOfTurn } from './timer-turn.ts'
export { fields }
