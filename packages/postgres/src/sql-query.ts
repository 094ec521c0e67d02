import type { QueryResult } from './query-exchange.ts'
import type { QueryOptions } from './query-options.ts'
import type { Session } from './session.ts'
import { makeFragment, sql, type SqlBuilder, type SqlFragment } from './sql.ts'

/**
 * A query that runs when it is awaited, once, and gives its rows; or that is put into another as a
 * fragment, and then never runs by itself.
 */
export interface SqlQuery<R> extends SqlFragment, PromiseLike<R[]> {
  /** The same query with options: `.with({ signal })`. */
  with(options: QueryOptions): SqlQuery<R>
  /** Rows with their count, command and fields. */
  result(): Promise<QueryResult<R>>
  one(): Promise<R>
  maybeOne(): Promise<R | undefined>
  many(): Promise<R[]>
  /** The first column of the only row. */
  value<V = unknown>(): Promise<V>
  catch<T>(onRejected: (error: unknown) => T | PromiseLike<T>): Promise<R[] | T>
  finally(onSettled: () => void): Promise<R[]>
}

/** A template tag that runs queries, with the helpers of `sql`. */
export interface SqlTag extends Pick<
  SqlBuilder,
  'id' | 'join' | 'values' | 'set' | 'raw' | 'empty'
> {
  <R = Record<string, unknown>>(
    strings: TemplateStringsArray,
    ...parts: readonly unknown[]
  ): SqlQuery<R>
}

/** The tag that belongs to a database or a transaction. */
export function makeSqlTag(session: Session): SqlTag {
  const tag = (strings: TemplateStringsArray, ...parts: readonly unknown[]): unknown =>
    makeQuery(session, makeFragment(strings, parts), undefined)
  const { id, join, values, set, raw, empty } = sql
  return Object.assign(tag, { id, join, values, set, raw, empty }) as unknown as SqlTag
}

function makeQuery<R>(
  session: Session,
  fragment: SqlFragment,
  options: QueryOptions | undefined
): SqlQuery<R> {
  let running: Promise<R[]> | undefined
  const rows = (): Promise<R[]> => {
    running ??= session.query<R>(fragment, options).then((result) => result.rows)
    return running
  }
  return {
    ...fragment,
    with: (more) => makeQuery(session, fragment, { ...options, ...more }),
    result: () => session.query<R>(fragment, options),
    one: () => session.one<R>(fragment, options),
    maybeOne: () => session.maybeOne<R>(fragment, options),
    many: () => session.many<R>(fragment, options),
    value: <V>() => session.value<V>(fragment, options),
    // Being awaited is how it is run.
    // oxlint-disable-next-line unicorn/no-thenable
    then: (onRows, onError) => rows().then(onRows, onError),
    catch: (onError) => rows().catch(onError),
    finally: (onSettled) => rows().finally(onSettled)
  }
}
