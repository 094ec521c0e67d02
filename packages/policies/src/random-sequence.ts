import type { Random } from '@aplomb/kernel'

/** Numbers from 0 to below 1, the same for the same seed and key (xorshift32, Marsaglia 2003). */
export function randomSequence(seed: number, key: string): Random {
  let state = hash(`${seed}:${key}`)
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** FNV-1a, never 0, where xorshift would stay for ever. */
function hash(text: string): number {
  let result = 0x81_1c_9d_c5
  for (let index = 0; index < text.length; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), 0x01_00_01_93)
  }
  return result === 0 ? 1 : result
}
