/** Headers as they stand on the wire: name, value, name, value … in order. */
export type HeaderList = readonly string[]

/** What a reply's or a request's headers may be given as. */
export type HeadersInput =
  | Readonly<Record<string, string | number | readonly string[] | undefined>>
  | Iterable<readonly [string, string]>

/** Names in lower case; a name that came more than once has an array. */
export type HeaderRecord = Record<string, string | string[]>

export function headerListOf(input: HeadersInput | undefined): string[] {
  if (input === undefined) return []
  const list: string[] = []
  const pairs = isIterable(input) ? input : Object.entries(input)
  for (const [name, value] of pairs) {
    if (value === undefined) continue
    if (Array.isArray(value)) for (const one of value) list.push(name, String(one))
    else list.push(name, String(value))
  }
  return list
}

export function headerRecordOf(list: HeaderList): HeaderRecord {
  const record: HeaderRecord = {}
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index]!.toLowerCase()
    const value = list[index + 1]!
    const before = Object.hasOwn(record, name) ? record[name] : undefined
    if (before === undefined) setOwn(record, name, value)
    else if (Array.isArray(before)) before.push(value)
    else record[name] = [before, value]
  }
  return record
}

export function hasHeader(list: HeaderList, name: string): boolean {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index]!.toLowerCase() === name) return true
  }
  return false
}

/** All values of one header joined as HTTP joins them, or undefined. */
export function headerValue(list: HeaderList, name: string): string | undefined {
  let found: string | undefined
  for (let index = 0; index < list.length; index += 2) {
    if (list[index]!.toLowerCase() !== name) continue
    const value = list[index + 1]!
    found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return found
}

function setOwn(record: HeaderRecord, name: string, value: string): void {
  if (name !== '__proto__') record[name] = value
  else Object.defineProperty(record, name, { value, enumerable: true, writable: true })
}

function isIterable(input: HeadersInput): input is Iterable<readonly [string, string]> {
  return Symbol.iterator in input
}
