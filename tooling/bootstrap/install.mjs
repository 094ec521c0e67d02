// `pnpm install`, unless nothing it reads has changed since it last went well.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { run } from './run.mjs'
import { root } from './tools.mjs'

const stamp = join(root, 'node_modules/.aplomb/installed')

export async function install(env) {
  const folders = workspaceFolders()
  if (isInstalled(folders)) return
  // A failed install must not look like a good one the next time.
  rmSync(stamp, { force: true })
  const frozen = process.env.CI === 'true' ? ['--frozen-lockfile'] : []
  await run('pnpm', ['install', ...frozen], { env, output: 'aside' })
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, digest(folders))
}

function isInstalled(folders) {
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest(folders)) return false
  return folders.every(
    (folder) => !hasDependencies(folder) || existsSync(join(folder, 'node_modules'))
  )
}

function workspaceFolders() {
  const children = ['packages', 'tooling'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(root, parent, name))
  )
  return [root, ...children].filter((folder) => existsSync(join(folder, 'package.json')))
}

function hasDependencies(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return manifest.dependencies !== undefined || manifest.devDependencies !== undefined
}

function digest(folders) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  const rules = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'].map((name) => join(root, name))
  const files = [...rules, ...folders.map((folder) => join(folder, 'package.json'))]
  for (const file of files) hash.update(file).update(existsSync(file) ? readFileSync(file) : '')
  return hash.digest('hex')
}
