// One message for each channel that metrics are made from, as its package publishes it.
const attempt = {
  key: {},
  method: 'GET',
  origin: 'https://api.github.com',
  path: '/users/octocat?token=…',
  attempt: 1,
  correlationId: 'order-17'
}
const statement = {
  database: 'shop',
  text: 'select * from users where id = $1',
  durationMs: 40,
  waitMs: 1,
  outcome: 'ok',
  rowCount: 1,
  command: 'SELECT',
  code: undefined,
  sqlState: undefined,
  correlationId: undefined
}

export const messages: Readonly<Record<string, object>> = {
  'aplomb:kernel:hook-error': { hook: 'onRetry', error: new Error('mine') },
  'aplomb:http:request': attempt,
  'aplomb:http:response': { ...attempt, status: 503, durationMs: 80, bytesReceived: 12 },
  'aplomb:http:error': { ...attempt, errorType: 'ECONNRESET', durationMs: 5, sent: true },
  'aplomb:http:retry': { ...attempt, reason: 'throttled', delayMs: 250 },
  'aplomb:http:pause': { origin: 'http://[::1]:8080', pauseMs: 2500, reason: 'retry-after' },
  'aplomb:policies:retry': { name: 'github', attempt: 1, reason: 'timeout', delayMs: 5 },
  'aplomb:policies:give-up': { name: 'github', attempts: 4, reason: 'budget' },
  'aplomb:policies:rejected': { name: 'github', code: 'ERR_CIRCUIT_OPEN', retryAfterMs: 10 },
  'aplomb:policies:waited': { name: 'github', waitedMs: 20 },
  'aplomb:policies:timeout': { name: 'github', phase: 'attempt', timeoutMs: 100 },
  'aplomb:policies:hedge': { name: 'github', attempt: 2, reason: 'slow', delayMs: 30 },
  'aplomb:policies:fallback': { name: 'github' },
  'aplomb:policies:chaos': { name: 'github', injected: 'fault' },
  'aplomb:policies:breaker': { name: 'github', key: 'a', from: 'open', to: 'half-open' },
  'aplomb:limits:wait': { limiter: 'api', kind: 'rate', waitMs: 300, weight: 2, key: 'tenant-1' },
  'aplomb:limits:reject': { limiter: 'api', kind: 'rate', code: 'ERR_QUEUE_FULL', weight: 1 },
  'aplomb:limits:adapt': {
    limiter: 'db',
    algorithm: 'vegas',
    limit: 24,
    previous: 20,
    rttMs: 8
  },
  'aplomb:pool:acquire': { pool: 'shop', waitMs: 2 },
  'aplomb:pool:release': { pool: 'shop', useMs: 60 },
  'aplomb:pool:create': { pool: 'shop', createMs: 20 },
  'aplomb:pool:timeout': { pool: 'shop', waitMs: 5000, phase: 'queue' },
  'aplomb:pool:create-error': { pool: 'shop', error: new Error('no'), failures: 1, retryInMs: 100 },
  'aplomb:pool:destroy': { pool: 'shop', reason: 'idle', ageMs: 300_000 },
  'aplomb:pool:leak': { pool: 'shop', heldMs: 60_000, stack: 'at …' },
  'aplomb:postgres:query': statement,
  'aplomb:postgres:transaction': {
    database: 'shop',
    outcome: 'rollback',
    attempt: 1,
    durationMs: 9,
    sqlState: '40001',
    correlationId: undefined
  },
  'aplomb:postgres:cancel': { database: 'shop', processId: 4711, why: 'aborted' },
  'aplomb:postgres:lost': { database: 'shop', message: 'Connection terminated' },
  'aplomb:tasks:task-end': { group: 'import', task: 'row 7', outcome: 'done', durationMs: 30 },
  'aplomb:tasks:group-end': { group: 'import', outcome: 'failed', durationMs: 90 },
  'aplomb:tasks:deadline': { group: 'import', tasks: ['row 7'], timeoutMs: 50, tree: '…' },
  'aplomb:tasks:stuck': { group: 'import', tasks: ['a', 'b'], afterMs: 9, abandoned: true },
  'aplomb:tasks:offload-end': { job: 'hash', outcome: 'done', durationMs: 3, queued: 0 }
}
