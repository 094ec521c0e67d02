/** Work for a thread. */
export default function sum(to: number): number {
  let total = 0
  for (let n = 1; n <= to; n++) total += n
  return total
}
