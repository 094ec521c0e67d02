import type { FieldInfo, TypeParsers } from './wire.ts'

/** A row as an object by column, or as an array in the order of the columns. */
export type RowMode = 'object' | 'array'

/** Makes rows of one shape; compiled once and kept with its prepared statement. */
export class RowReader {
  readonly fields: readonly FieldInfo[]
  readonly types: TypeParsers
  private readonly parsers: ((text: string) => unknown)[]
  private readonly names: string[]
  /** Copied for every row, so that all rows have one hidden class and own even `__proto__`. */
  private readonly blank: Record<string, unknown>

  constructor(fields: readonly FieldInfo[], types: TypeParsers) {
    this.fields = fields
    this.types = types
    this.names = fields.map(({ name }) => name)
    this.parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'))
    this.blank = Object.fromEntries(this.names.map((name) => [name, null]))
  }

  /** Whether rows described so can be read by this one; every detail is told to the caller. */
  fits(fields: readonly FieldInfo[], types: TypeParsers): boolean {
    if (types !== this.types || fields.length !== this.fields.length) return false
    return fields.every((field, index) => isSame(field, this.fields[index] as FieldInfo))
  }

  read(cells: readonly (string | null)[], mode: RowMode): unknown {
    return mode === 'object' ? this.object(cells) : this.array(cells)
  }

  private object(cells: readonly (string | null)[]): unknown {
    const { names, parsers } = this
    const row = { ...this.blank }
    for (let index = 0; index < names.length; index++) {
      const cell = cells[index] as string | null
      row[names[index] as string] = cell === null ? null : parsers[index]?.(cell)
    }
    return row
  }

  private array(cells: readonly (string | null)[]): unknown {
    return cells.map((cell, index) => (cell === null ? null : this.parsers[index]?.(cell)))
  }
}

function isSame(a: FieldInfo, b: FieldInfo): boolean {
  return (
    a.name === b.name &&
    a.dataTypeID === b.dataTypeID &&
    a.tableID === b.tableID &&
    a.columnID === b.columnID &&
    a.dataTypeModifier === b.dataTypeModifier
  )
}
