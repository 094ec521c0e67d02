/** What is sent to a thread. */
export interface Job {
  /** The `file:` URL of the module. */
  readonly module: string
  /** The name of the exported function. */
  readonly name: string
  readonly input: unknown
  readonly correlationId: string | undefined
  readonly attempt: number
  /** Shared with the thread, which sets it when the function has ended. */
  readonly ended: Int32Array
}

/** What a thread sends back. */
export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SentError }

/** An error on its way between threads: cloning alone would lose its name and its fields. */
export interface SentError {
  readonly thrown: unknown
  readonly name: string | undefined
  /** Whether `isAplombError` knew it. */
  readonly branded: boolean
  readonly fields: Readonly<Record<string, unknown>>
}

const brand = Symbol.for('aplomb.error')

/** Packs what was thrown so that it arrives whole where it can be cloned at all. */
export function packError(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) {
    return { thrown: cloneable(thrown), name: undefined, branded: false, fields: {} }
  }
  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(thrown)) {
    const value: unknown = (thrown as unknown as Record<string, unknown>)[key]
    if (canClone(value)) fields[key] = value
  }
  const { name } = thrown
  return {
    thrown: canClone(thrown) ? thrown : bare(thrown),
    name,
    branded: brand in thrown,
    fields
  }
}

export function unpackError({ thrown, name, branded, fields }: SentError): unknown {
  if (!(thrown instanceof Error)) return thrown
  if (branded) Object.defineProperty(thrown, brand, { value: true })
  if (name !== undefined && thrown.name !== name) {
    Object.defineProperty(thrown, 'name', { value: name, configurable: true, writable: true })
  }
  return Object.assign(thrown, fields)
}

function cloneable(value: unknown): unknown {
  return canClone(value) ? value : new Error(`A worker threw a ${typeof value}`)
}

/** Without its cause and the like, which cannot be cloned. */
function bare({ message, stack }: Error): Error {
  return Object.assign(new Error(message), { stack })
}

function canClone(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
