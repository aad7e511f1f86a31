import { expect, test } from 'vitest'
import { Http2Service } from '../kit/http2-service.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'

// Each call of a service that allows no concurrent streams opened four HTTP/2 sessions, and a client could so make the
// gate open any number of connections.

const service = await Http2Service.start({
  server: { settings: { maxConcurrentStreams: 0 } },
  onStream: ({ stream }) => stream.respond({ ':status': 200 }, { endStream: true }),
})
const issuer = await startIssuer()
const ordersEntry = { protocol: 'h2c', routes: [{ id: 'public', match: { path: '/public/**' }, require: 'public' }] }
const node = await startNode({ policy: testPolicy({ issuer: issuer.url, orders: service.url, ordersEntry }) })
const get = () => request(node.port, requestBytes({ target: '/public/1' }))

test('calls to an HTTP/2 service that allows no streams fail with 503, and its one connection serves calls once the service allows streams', async () => {
  const calls = 40
  for (let i = 0; i < calls; i++) expect((await get()).status).toBe(503)

  // A session stays open for a second. Before, there were four sessions for each call.
  expect(service.sessions.length).toBeLessThan(calls / 2)
  expect((await node.waitForRecord(({ reason }) => reason === 'upstream-full'))['fault']).toContain(
    'MAX_CONCURRENT_STREAMS 0',
  )
  await until('a call that the service answers', async () => {
    for (const session of service.sessions) if (!session.destroyed) session.settings({ maxConcurrentStreams: 10 })
    return (await get()).status === 200
  })
})
