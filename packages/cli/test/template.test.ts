import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseTemplate } from '../src/fetch/template.ts'

function urls(text: string): string[] {
  const template = parseTemplate(text)
  return Array.from({ length: template.count }, (_, position) => template.url(position))
}

it.each([
  ['http://h/x', ['http://h/x']],
  ['http://h/{1..3}', ['http://h/1', 'http://h/2', 'http://h/3']],
  ['http://h/{3..1}', ['http://h/3', 'http://h/2', 'http://h/1']],
  ['{08..11}', ['08', '09', '10', '11']],
  ['{0..20..10}', ['0', '10', '20']],
  ['{-1..1}', ['-1', '0', '1']],
  ['{5..5}', ['5']],
  [
    '{a,b}/{1..2}?x={y,}',
    ['a/1?x=y', 'a/1?x=', 'a/2?x=y', 'a/2?x=', 'b/1?x=y', 'b/1?x=', 'b/2?x=y', 'b/2?x=']
  ],
  ['/{id}/{}', ['/{id}/{}']]
])('%s stands for its URLs', (text, expected) => {
  expect(urls(text)).toEqual(expected)
})

it('expands a range of any size without holding it', () => {
  const template = parseTemplate('http://h/{1..1000000000}')
  expect(template.count).toBe(1_000_000_000)
  expect(template.url(999_999_999)).toBe('http://h/1000000000')
})

it('never names one URL twice', () => {
  const part = fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 }))
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 2 }), (parts) => {
      const all = urls(parts.map(([from, to]) => `/{${from}..${to}}`).join(''))
      expect(new Set(all).size).toBe(all.length)
    })
  )
})
