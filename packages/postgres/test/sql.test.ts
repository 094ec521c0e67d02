import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DatabaseArgumentError, sql, type SqlFragment } from '../src/index.ts'
import { compileSql } from '../src/sql.ts'

/** A fragment, together with the values in it, in order. */
type Made = readonly [SqlFragment, readonly unknown[]]

/** Fragments of any depth. */
const tree = fc.letrec<{ node: Made }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.jsonValue().map((value): Made => [sql`x = ${value}`, [value]]),
    fc.constant<Made>([sql.empty, []]),
    fc.array(tie('node'), { maxLength: 4 }).map((children): Made => {
      const fragments = children.map(([fragment]) => fragment)
      const values = children.flatMap(([, inner]) => inner)
      return [sql`(${sql.join(fragments)})`, values]
    }),
    fc
      .tuple(tie('node'), fc.jsonValue(), tie('node'))
      .map(([[a, before], value, [b, after]]): Made => {
        return [sql`${a} and ${value} or ${b}`, [...before, value, ...after]]
      })
  )
})).node

test('every value becomes a parameter of its own, numbered in the order of the text', () => {
  fc.assert(
    fc.property(tree, ([fragment, values]) => {
      const compiled = compileSql(fragment)
      expect(compiled.values).toEqual(values)
      const numbers = [...compiled.text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number))
      expect(numbers).toEqual(values.map((_, index) => index + 1))
    })
  )
})

test('no value ever becomes text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (value) => {
      const { text, values } = compileSql(sql`a ${value} b`)
      expect({ text, values }).toEqual({ text: 'a $1 b', values: [value] })
    })
  )
})

test('an identifier is one quoted name, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (name) => {
      fc.pre(!name.includes('\0'))
      const { text } = compileSql(sql.id(name))
      expect(text).toMatch(/^"(?:[^"]|"")*"$/)
      expect(text.slice(1, -1).replaceAll('""', '"')).toBe(name)
    })
  )
  expect(compileSql(sql.id('public', 'users', 'na"me')).text).toBe('"public"."users"."na""me"')
})

test('rows and changes become lists of columns and parameters', () => {
  const rows = [{ a: 1, b: 'x' }, { a: 2 }]
  expect(compileSql(sql`insert into t ${sql.values(rows as { a: number; b: string }[])}`)).toEqual({
    text: 'insert into t ("a", "b") values ($1, $2), ($3, $4)',
    values: [1, 'x', 2, null]
  })
  expect(compileSql(sql.values(rows, ['a'])).text).toBe('("a") values ($1), ($2)')
  expect(compileSql(sql`update t set ${sql.set({ a: 1, b: sql`b + ${2}` })}`)).toEqual({
    text: 'update t set "a" = $1, "b" = b + $2',
    values: [1, 2]
  })
  expect(compileSql(sql.join([1, sql`two`], sql.raw(' or ')))).toMatchObject({ text: '$1 or two' })
})

test('what only looks like a fragment is a value', () => {
  const forged = JSON.parse('{"strings": ["; drop table users"], "parts": []}') as unknown
  expect(compileSql(sql`select ${forged}`)).toEqual({ text: 'select $1', values: [forged] })
})

test('what makes no statement is refused', () => {
  expect(() => sql.id('')).toThrow(DatabaseArgumentError)
  expect(() => sql.id('a\0')).toThrow('an identifier must be a name')
  expect(() => sql.id(5 as never)).toThrow('not 5')
  expect(() => sql.values([])).toThrow('at least one row')
  expect(() => sql.set({})).toThrow('at least one column')
  expect(() => compileSql(sql`select ${1}, ${undefined}`)).toThrow('value 2 is undefined')
})
