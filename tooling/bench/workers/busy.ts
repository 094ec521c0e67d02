/** Work for the processor that takes `ms` milliseconds. */
export default function burn(ms: number): number {
  const end = performance.now() + ms
  let rounds = 0
  while (performance.now() < end) rounds++
  return rounds
}
