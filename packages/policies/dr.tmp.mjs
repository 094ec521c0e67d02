import { timeout } from '@aplomb/policies'
const op = async () => 1
const p = timeout({ ms: 20000 })
const N = 20000
async function t(f) {
  const s = performance.now()
  for (let i = 0; i < N; i++) await f()
  return ((performance.now() - s) / N) * 1e6
}
async function best(f) {
  let b = 1e9
  for (let i = 0; i < 40; i++) b = Math.min(b, await t(f))
  return b
}
console.log('bare', (await best(op)).toFixed(0))
console.log('T', (await best(() => p.execute(op))).toFixed(0))
await p.execute(() => new Promise((r) => setTimeout(r, 5)))
console.log('T with a driver', (await best(() => p.execute(op))).toFixed(0))
