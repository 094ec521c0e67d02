export { Gate, type GateMode } from './gate.ts'
export { seededRandom } from './seeded-random.ts'
export { TestClock } from './test-clock.ts'
