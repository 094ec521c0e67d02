/** RFC 9457 problem details, with the server's own members beside the standard ones. */
export interface ProblemDetails {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly instance?: string
  readonly [extension: string]: unknown
}

/** Reads a body that says it is `application/problem+json`; undefined for any other. */
export function parseProblem(contentType: string, body: string): ProblemDetails | undefined {
  if (!/^application\/problem\+json\s*(?:;|$)/iu.test(contentType)) return undefined
  try {
    return asProblem(JSON.parse(body))
  } catch {
    return undefined
  }
}

const standardMembers = {
  type: 'string',
  title: 'string',
  status: 'number',
  detail: 'string',
  instance: 'string'
} as const

/** A standard member of another type is ignored, as section 3.1 says. */
function asProblem(value: unknown): ProblemDetails | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const problem: Record<string, unknown> = Object.create(null) as never
  for (const [name, member] of Object.entries(value)) {
    const type = Object.hasOwn(standardMembers, name)
      ? standardMembers[name as keyof typeof standardMembers]
      : undefined
    if (type === undefined || typeof member === type) problem[name] = member
  }
  return problem
}
