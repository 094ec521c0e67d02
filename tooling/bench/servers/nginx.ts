import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A web server for one benchmark: one worker, on loopback. */
export interface Nginx extends AsyncDisposable {
  readonly origin: string
}

const config = (port: number, folder: string): string => `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 600;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  default_type application/json;
  sendfile on;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/www;
  }
}
`

/** Starts Debian's nginx (`nginx-light`) with these files; undefined where it is not installed. */
export async function startNginx(
  files: Readonly<Record<string, string | Buffer>>
): Promise<Nginx | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'aplomb-nginx-'))
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'www'))
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, 'www', name), content)
  }
  const port = await freePort()
  writeFileSync(join(folder, 'nginx.conf'), config(port, folder))
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
  const failed = new Promise<'failed'>((resolve) => child.once('error', () => resolve('failed')))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const origin = `http://127.0.0.1:${port}`
  if ((await Promise.race([failed, answers(origin)])) === 'failed') return undefined
  return {
    origin,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function answers(origin: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const response = await fetch(origin).catch(() => undefined)
    if (response !== undefined) {
      await response.arrayBuffer()
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('nginx does not answer')
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
