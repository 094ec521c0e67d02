import { describe } from 'vitest'
import { compareFaults } from './compare-faults.ts'

describe('with undici fetch', () => {
  compareFaults('undici fetch')
})
