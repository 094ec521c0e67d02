export { run } from './main.ts'
export type { CommandContext } from './fetch/command.ts'
