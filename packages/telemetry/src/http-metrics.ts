import type { Message, MetricRow } from './metric-row.ts'

const SERVER = { server_address: serverAddress, server_port: serverPort }
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** Of the attempts of `@aplomb/http`: one request of OpenTelemetry's is one attempt. */
export const httpMetrics: readonly MetricRow[] = [
  {
    channels: ['aplomb:http:response', 'aplomb:http:error'],
    kind: 'histogram',
    name: 'http_client_request_duration_seconds',
    help: 'Time from sending an attempt to the end of its answer',
    labels: {
      http_request_method: 'method',
      ...SERVER,
      http_response_status_code: 'status',
      error_type: errorType
    },
    milliseconds: 'durationMs'
  },
  {
    channels: ['aplomb:http:request', 'aplomb:http:response', 'aplomb:http:error'],
    kind: 'in-flight',
    name: 'http_client_active_requests',
    help: 'Attempts that are under way',
    labels: { http_request_method: 'method', ...SERVER }
  },
  {
    channels: ['aplomb:http:retry'],
    kind: 'counter',
    name: 'aplomb_http_resends_total',
    help: 'Attempts that failed and were followed by another',
    labels: { ...SERVER, reason: 'reason' }
  },
  {
    channels: ['aplomb:http:pause'],
    kind: 'counter',
    name: 'aplomb_http_pauses_total',
    help: 'Pauses that a server asked for',
    labels: { ...SERVER, reason: 'reason' }
  },
  {
    channels: ['aplomb:http:pause'],
    kind: 'counter',
    name: 'aplomb_http_pause_seconds_total',
    help: 'How long these pauses were in all',
    labels: { ...SERVER, reason: 'reason' },
    milliseconds: 'pauseMs'
  }
]

function serverAddress({ origin }: Message): string {
  return new URL(String(origin)).hostname
}

function serverPort({ origin }: Message): string | undefined {
  const { port, protocol } = new URL(String(origin))
  return port === '' ? DEFAULT_PORTS[protocol] : port
}

/** The failure's code or, as OpenTelemetry has it, a status that is one. */
function errorType({ errorType: failure, status }: Message): unknown {
  return failure ?? (Number(status) >= 400 ? status : undefined)
}
