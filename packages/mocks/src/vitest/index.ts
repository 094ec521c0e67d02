export { test, test as it, type MockFixtures } from './fixtures.ts'
export { mockMatchers, type RequestMatchers } from './matchers.ts'
