import { hedge } from '@aplomb/policies'

// When there is no answer after 20 ms, ask once more and take what comes first.
const policy = hedge({ delayMs: 20, onHedge: ({ reason }) => console.log('hedge:', reason) })

const winner = await policy.execute(({ attempt, signal }) => slowAtFirst(attempt, signal))
console.log('answered by copy', winner)

function slowAtFirst(attempt: number, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    if (attempt > 1) return resolve(attempt)
    // The copy that lost is told so.
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
}
