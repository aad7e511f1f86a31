import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// One client cannot occupy a service, even with many connections and slow replies.

const clients = ['own', 'undici'] as const
const upstreams = { own: await startUpstream(), undici: await startUpstream() }
/** One service for each client of the gate. */
const node = await startNode({
  policy: publicPolicy(
    Object.fromEntries(
      clients.map((client) => [
        client,
        { upstreams: [upstreams[client].url], entry: { http_client: client, max_calls: 64 } },
      ]),
    ),
  ),
})

test.each(clients)(
  'one address gets at most 48 of 64 calls to an upstream, and another address is served (HTTP client: %s)',
  async (client) => {
    const release = Promise.withResolvers<void>()
    const upstream = upstreams[client]
    upstream.handler = async ({ url }, response) => {
      if (!url.endsWith('/quick')) await release.promise
      response.end('done')
    }
    const get = (from: string, path: string) =>
      request(node.port, requestBytes({ target: `/${client}/${path}` }), { from })

    const before = upstream.requests.length
    const held = Array.from({ length: 60 }, () => get('127.0.0.2', 'slow'))
    await expect.poll(() => upstream.requests.length - before).toBe(48)
    const other = await get('127.0.0.3', 'quick')
    const same = await get('127.0.0.2', 'quick')
    release.resolve()

    expect([other.status, same.status]).toEqual([200, 503])
    expect(same.field('retry-after')).toBe('1')
    expect((await Promise.all(held)).filter(({ status }) => status === 503)).toHaveLength(12)
  },
)
