import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/embedded/index.ts'
import { createDatabase } from '../src/index.ts'
import { describePostgres, rejection, until } from './postgres.ts'

const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
if (!hasOpenssl) process.stderr.write('SKIPPED: no openssl to make a certificate with\n')

/** A certificate of its own for 127.0.0.1, and its key. */
async function makeCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const cert = join(folder, 'server.crt')
  const key = join(folder, 'server.key')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', key, '-out', cert]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...files], { stdio: 'ignore' })
  await chmod(key, 0o600)
  if (process.getuid?.() === 0) for (const path of [cert, key]) await chown(path, 65_534, 65_534)
  return { cert, key }
}

describePostgres.skipIf(!hasOpenssl)('TLS', () => {
  let server: EmbeddedPostgres
  let folder = ''
  let ca = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aplomb-tls-'))
    await chmod(folder, 0o711)
    const { cert, key } = await makeCertificate(folder)
    ca = await readFile(cert, 'utf8')
    server = await startEmbeddedPostgres({
      tcp: true,
      settings: { ssl: true, ssl_cert_file: cert, ssl_key_file: key }
    })
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  test('encrypts the connection, and checks whose it is', async () => {
    const url = server.urlOf('postgres', 'tcp')
    await using db = createDatabase(url, { ssl: { ca } })
    const used = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
    expect(await db.value(used)).toBe(true)
    await using plain = createDatabase(url)
    expect(await plain.value(used)).toBe(false)
    await using careful = createDatabase(url, { ssl: true })
    expect(await rejection(careful.ready())).toMatchObject({
      code: 'ERR_DB_CONNECT',
      reason: expect.stringMatching(/SELF_SIGNED/)
    })
  })

  test('encrypts cancel requests too', async () => {
    await using db = createDatabase(server.urlOf('postgres', 'tcp'), { ssl: { ca } })
    const controller = new AbortController()
    const slow = rejection(db.query('select pg_sleep(60)', [], { signal: controller.signal }))
    const active =
      "select count(*)::int from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
    await until(async () => (await db.value(active)) === 1)
    controller.abort('enough')
    expect(await slow).toBe('enough')
    await until(async () => (await db.value(active)) === 0)
    expect(db.statistics().totalDestroyed).toBe(0)
  })

  test('is not made up for by a server that has none', async () => {
    await using bare = await startEmbeddedPostgres({ tcp: true })
    await using db = createDatabase(bare.urlOf('postgres', 'tcp'), { ssl: { ca } })
    expect(await rejection(db.ready())).toMatchObject({
      message: expect.stringContaining('does not support SSL')
    })
  })
})
