import { describe } from 'vitest'
import { compareFaults } from './compare-faults.ts'

describe('with node http', () => {
  compareFaults('node http')
})
