import { isAplombError, type Field, type Report } from '@aplomb/kernel'

/**
 * A field whose value is made, and judged, by another package: what that finds wrong is reported
 * below this option's path.
 */
export function delegated<T>(make: (value: unknown) => T): Field<T> {
  return {
    resolve(value, path, report) {
      return reporting(path, report, () => make(value)) as T
    }
  }
}

/** A field that may also be `false`, for "without". */
export function orFalse<T>(field: Field<T>): Field<T | false> {
  return {
    resolve: (value, path, report) => (value === false ? false : field.resolve(value, path, report))
  }
}

function reporting<T>(path: string, report: Report, make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    const { issues } = error as { issues?: readonly string[] }
    if (!isAplombError(error) || issues === undefined) throw error
    for (const issue of issues) report(path, issue)
    return undefined
  }
}
