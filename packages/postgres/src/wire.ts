import type { Duplex } from 'node:stream'

/** One column of a result, as the server describes it. */
export interface FieldInfo {
  readonly name: string
  /** OID of the type. */
  readonly dataTypeID: number
  readonly tableID: number
  readonly columnID: number
  readonly dataTypeSize: number
  readonly dataTypeModifier: number
  readonly format: string
}

/** A value in the form it goes over the wire in. */
export type WireValue = string | Buffer | null

/** The protocol's messages, one method each: the part of pg's connection that we build on. */
export interface Wire {
  readonly stream: Duplex
  query(text: string): void
  parse(message: { name: string; text: string; types: number[] }): void
  bind(message: { portal: string; statement: string; values: readonly WireValue[] }): void
  describe(message: { type: 'P' | 'S'; name: string }): void
  execute(message: { portal: string; rows: number }): void
  close(message: { type: 'P' | 'S'; name: string }): void
  flush(): void
  sync(): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(reason: string): void
  once(event: 'readyForQuery', listener: () => void): unknown
}

/** What pg's client asks of a query of our own making: it calls these as messages arrive. */
export interface Submittable {
  submit(wire: Wire): Error | null
  handleRowDescription(message: { fields: FieldInfo[] }): void
  handleDataRow(message: { fields: (string | null)[] }): void
  handlePortalSuspended(wire: Wire): void
  handleEmptyQuery(wire: Wire): void
  handleCommandComplete(message: { text: string }, wire: Wire): void
  handleCopyInResponse(wire: Wire): void
  handleCopyData(message: { chunk: Buffer }, wire: Wire): void
  handleError(error: Error, wire: Wire): void
  handleReadyForQuery(wire: Wire): void
}

/** Finds the function that makes a value of a column's text. */
export interface TypeParsers {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown
}

/** What the server says about an error. */
export interface ServerError extends Error {
  readonly code?: string
  readonly severity?: string
  readonly detail?: string
  readonly hint?: string
  readonly position?: string
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly dataType?: string
  readonly constraint?: string
  readonly routine?: string
}
