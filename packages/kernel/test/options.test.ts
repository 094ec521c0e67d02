import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clockOption, closestTo, fields, OptionsError, resolveOptions } from '../src/index.ts'
import { systemClock, type Clock, type Fields } from '../src/index.ts'

interface Example {
  readonly totalMs: number
  readonly maxRetries: number
  readonly name: string
  readonly eager: boolean
  readonly mode: 'fast' | 'safe'
  readonly onRetry: (() => void) | undefined
  readonly nested: { readonly size: number }
  readonly limit: number | undefined
  readonly clock: Clock
}

const example: Fields<Example> = {
  totalMs: fields.duration(30_000),
  maxRetries: fields.integer(3),
  name: fields.string('unnamed'),
  eager: fields.boolean(false),
  mode: fields.oneOf(['fast', 'safe'], 'safe'),
  onRetry: fields.callback<(() => void) | undefined>(undefined),
  nested: fields.nested({ size: fields.integer(1, { min: 1, max: 10 }) }),
  limit: fields.optional(fields.number(0, { max: 1 })),
  clock: clockOption
}

function resolve(input?: unknown): Readonly<Example> {
  return resolveOptions('createExample', input, example)
}

function issuesOf(input: unknown): readonly string[] {
  try {
    resolve(input)
  } catch (error) {
    if (error instanceof OptionsError) return error.issues
    throw error
  }
  return []
}

describe('resolveOptions', () => {
  it('fills in every default, for undefined too, and freezes the result', () => {
    const options = resolve({ totalMs: undefined })
    expect(options).toEqual({
      totalMs: 30_000,
      maxRetries: 3,
      name: 'unnamed',
      eager: false,
      mode: 'safe',
      onRetry: undefined,
      nested: { size: 1 },
      limit: undefined,
      clock: systemClock
    })
    expect(Object.isFrozen(options)).toBe(true)
    expect(Object.isFrozen(options.nested)).toBe(true)
    expect(resolve()).toEqual(resolve({}))
  })

  it('lists all problems at once, each with its path', () => {
    const input = {
      totalMs: -1,
      maxRetries: 1.5,
      name: 7,
      eager: 'yes',
      mode: 'quick',
      onRetry: {},
      nested: { size: 0, colour: 'red' },
      limit: Number.NaN,
      clock: { now: () => 0 },
      maxRetrys: 3
    }
    expect(issuesOf(input)).toEqual([
      'maxRetrys: unknown option, did you mean "maxRetries"?',
      'totalMs: must be a number, 0 or more, not -1',
      'maxRetries: must be a whole number, 0 or more, not 1.5',
      'name: must be a string, not 7',
      'eager: must be a boolean, not "yes"',
      'mode: must be one of "fast", "safe", not "quick"',
      'onRetry: must be a function, not an object (Object)',
      'nested.colour: unknown option',
      'nested.size: must be a whole number, from 1 to 10, not 0',
      'limit: must be a number, from 0 to 1, not NaN',
      'clock: must be a Clock, not an object (Object)'
    ])
  })

  it('says it in one readable message', () => {
    expect(() => resolve({ totalMs: 'soon' })).toThrow(
      'createExample: invalid options: totalMs: must be a number, 0 or more, not "soon"'
    )
    expect(() => resolve({ totalMs: null, eager: 1 })).toThrow(
      'createExample: invalid options:\n' +
        '  - totalMs: must be a number, 0 or more, not null\n' +
        '  - eager: must be a boolean, not 1'
    )
  })

  it.each([['text'], [7], [[]], [true]])('refuses %j for options', (input) => {
    expect(issuesOf(input)[0]).toMatch(/^must be an object, not /)
  })

  it('runs the rules across options on the full object, only when all is right by itself', () => {
    const rules = (options: Example, report: (path: string, problem: string) => void): void => {
      if (options.maxRetries > 2) report('maxRetries', 'too many for safe mode')
    }
    const withRules = (input: unknown): Example =>
      resolveOptions('createExample', input, example, rules)
    expect(() => withRules({})).toThrow('maxRetries: too many for safe mode')
    expect(() => withRules({ eager: 1 })).not.toThrow('too many')
    expect(withRules({ maxRetries: 2 }).maxRetries).toBe(2)
  })

  it('is deaf to a polluted prototype', () => {
    const polluted = Object.create({ totalMs: 1, mode: 'nonsense' }) as object
    expect(resolve(polluted).totalMs).toBe(30_000)
    expect(issuesOf(JSON.parse('{"__proto__": {"totalMs": 1}}'))).toEqual([
      '__proto__: unknown option'
    ])
  })

  it('allows Infinity where there is no upper bound, and never NaN', () => {
    expect(resolve({ totalMs: Infinity, maxRetries: Infinity })).toMatchObject({
      totalMs: Infinity,
      maxRetries: Infinity
    })
    expect(issuesOf({ totalMs: Number.NaN })).toHaveLength(1)
  })

  it('reports a required option once when it is missing', () => {
    const one = { url: fields.required(fields.string('')) }
    expect(() => resolveOptions('f', {}, one)).toThrow('f: invalid options: url: is required')
  })
})

describe('closestTo', () => {
  it('finds a near word and not a far one', () => {
    expect(closestTo('timeoutMS', ['timeoutMs', 'totalMs'])).toBe('timeoutMs')
    expect(closestTo('retires', ['retries', 'rate'])).toBe('retries')
    expect(closestTo('zebra', ['retries', 'rate'])).toBeUndefined()
  })

  it('always finds a word that is there', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), fc.nat(), (words, n) => {
        const word = words[n % words.length] as string
        expect(closestTo(word, words)?.toLowerCase()).toBe(word.toLowerCase())
      })
    )
  })
})
