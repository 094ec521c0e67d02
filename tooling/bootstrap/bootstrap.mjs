// `npm start` and `npm test` come in here, so that a machine with nothing but git, Node.js and
// npm can set itself up: find the tools, install the workspace, then do what was asked.
// No dependencies, and only syntax that old Node.js parses.
import process from 'node:process'
import { install } from './install.mjs'
import { run } from './run.mjs'
import { environmentWithTools } from './tools.mjs'

const [task, ...args] = process.argv.slice(2)
const env = environmentWithTools()

await install(env)

if (task === 'start') {
  await run('turbo', ['run', 'build'], { env, output: 'on failure' })
  const command = args.length === 0 || args[0].startsWith('--') ? ['demo', ...args] : args
  await run('node', ['packages/cli/dist/bin.js', ...command], { env })
} else {
  await run('node', ['--disable-warning=ExperimentalWarning', 'tooling/check/check.ts', ...args], {
    env
  })
}
