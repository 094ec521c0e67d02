import { createServer } from 'node:http'
import { runMain, shield } from '@aplomb/tasks'

await runMain(async (scope) => {
  const server = createServer((_request, response) => {
    // What is under way when the process is told to stop is finished under a shield.
    void shield(async () => response.end(scope.ready ? 'ready' : 'stopping'))
  })
  await new Promise<void>((resolve) => void server.listen(0, resolve))
  scope.defer('server', () => new Promise((resolve) => void server.close(resolve)))
  scope.onReadyChange((ready) => console.log(`ready: ${ready}`))

  // Kubernetes would send this one.
  process.kill(process.pid, 'SIGTERM')
  await scope.untilStopped()
  console.log('draining')
})
