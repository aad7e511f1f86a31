import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { upstreamHealth } from '../../../gateway/doctor/checks/upstream-health.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` runs the health checks that the policy states.

const requests: string[] = []
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url} ${request.headers['user-agent']}`)
  if (request.url === '/silent') return
  response.writeHead(request.url === '/busy' ? 503 : 200).end('body')
})
atEnd(() => {
  server.closeAllConnections()
  server.close()
})
const url = `http://127.0.0.1:${await listen(server)}`
const gone = `http://127.0.0.1:${freePort()}`

const health: Readonly<Record<string, object | undefined>> = {
  well: { path: '/well' },
  busy: { path: '/busy' },
  expected: { path: '/busy', expect: [503] },
  silent: { path: '/silent', timeout: '300ms' },
  gone: { path: '/' },
  unchecked: undefined,
}
const services = Object.fromEntries(
  Object.entries(health).map(([id, rules]) => [
    id,
    {
      upstreams: [id === 'gone' ? gone : url],
      routes: [{ id, match: { path: `/${id}/**` }, require: 'public' }],
      ...(rules && { health: rules }),
    },
  ]),
)
const findings = await findingsOf({ checks: [upstreamHealth], policy: { version: 1, services } })
const of = (id: string) => findings.find(({ subject }) => subject.startsWith(`${id} `))

test.each([
  ['replies 200', 'well', 'ok', 'passes its health check: status 200'],
  ['replies 503', 'busy', 'failed', 'fails its health check: status 503, expected 200-299'],
  ['replies with a status that `expect` lists', 'expected', 'ok', 'passes its health check: status 503'],
  ['does not reply in time', 'silent', 'failed', 'fails its health check: no reply within 300 ms'],
])('`gatehouse doctor` reports an upstream whose health check %s as $2, with the cause', (_, id, result, detail) => {
  expect(of(id)).toMatchObject({ check: 'upstream-health', result, detail })
  expect(of(id)!.remedy === null).toBe(result === 'ok')
})

test('`gatehouse doctor` reports an upstream that accepts no connection for its health check as failed', () => {
  expect(of('gone')).toMatchObject({ result: 'failed' })
  expect(of('gone')!.detail).toMatch(/^fails its health check: .*ECONNREFUSED/)
})

test('`gatehouse doctor` sends no request to a service without health checks', () => {
  expect(of('unchecked')).toBeUndefined()
  expect(requests.toSorted()).toEqual(
    ['/busy', '/busy', '/silent', '/well'].map((path) => `GET ${path} gatehouse-health-check`),
  )
})
