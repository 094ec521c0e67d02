/** One way of doing the work that a question is about. */
export interface Contender {
  readonly name: string
  /** Does some work once, at full speed, and tells how many operations that were. */
  round(): Promise<number> | number
}

/** Which of several ways is faster; all are measured in one run, turn by turn. */
export interface Question {
  readonly title: string
  readonly contenders: readonly Contender[]
  /** The contender that ratios refer to; a ratio above 1 is faster than it. */
  readonly baseline: string
  /** Measured rounds for each contender. Default: 9. */
  readonly rounds?: number
  /** Rounds before the measured ones. Default: 2. */
  readonly warmUps?: number
}

export interface Measured {
  readonly name: string
  /** Median time of one operation, in nanoseconds. */
  readonly nsPerOp: number
  /** Median CPU time of one operation (user and system), in nanoseconds. */
  readonly cpuNsPerOp: number
  /** Median over the rounds of the baseline's time by this one's, in the same round. */
  readonly speed: number
  /** The same for CPU time: below 1 needs less than the baseline. */
  readonly cpu: number
}

export interface Answer {
  readonly title: string
  readonly baseline: string
  readonly results: readonly Measured[]
}

interface Sample {
  readonly ns: number
  readonly cpuNs: number
}

/** Runs the rounds interleaved, in an order that changes, so that drift hits everyone alike. */
export async function ask(question: Question): Promise<Answer> {
  const { title, contenders, baseline, rounds = 9, warmUps = 2 } = question
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    const start = Math.abs(round) % contenders.length
    const order = [...contenders.slice(start), ...contenders.slice(0, start)]
    for (const contender of order) {
      const sample = await measure(contender)
      if (round >= 0) samples.get(contender.name)?.push(sample)
    }
  }
  const base = samples.get(baseline)
  if (base === undefined) throw new Error(`${title}: no contender is called ${baseline}`)
  const results = contenders.map(({ name }) => summarize(name, samples.get(name) ?? [], base))
  return { title, baseline, results }
}

/** Calls `operation` `count` times one after the other, without a promise where it gives none. */
export function sequence(operation: () => unknown, count: number): () => Promise<number> {
  return async () => {
    for (let index = 0; index < count; index++) {
      const result = operation()
      if (result instanceof Promise) await result
    }
    return count
  }
}

/** Keeps `concurrency` calls of `operation` under way until `count` are done. */
export function concurrently(
  operation: () => Promise<unknown>,
  count: number,
  concurrency: number
): () => Promise<number> {
  return async () => {
    let left = count
    const worker = async (): Promise<void> => {
      while (left-- > 0) await operation()
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
    return count
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

async function measure({ round }: Contender): Promise<Sample> {
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  const operations = await round()
  const ns = Number(process.hrtime.bigint() - start)
  const { user, system } = process.cpuUsage(cpu)
  return { ns: ns / operations, cpuNs: ((user + system) * 1000) / operations }
}

function summarize(name: string, own: readonly Sample[], base: readonly Sample[]): Measured {
  const ratios = own.map((sample, round) => (base[round]?.ns ?? Number.NaN) / sample.ns)
  const cpuRatios = own.map((sample, round) => sample.cpuNs / (base[round]?.cpuNs ?? Number.NaN))
  return {
    name,
    nsPerOp: median(own.map(({ ns }) => ns)),
    cpuNsPerOp: median(own.map(({ cpuNs }) => cpuNs)),
    speed: median(ratios),
    cpu: median(cpuRatios)
  }
}
