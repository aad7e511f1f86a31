import { expect, test } from 'vitest'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// One client cannot occupy a service, even with many connections and slow replies.

test('one client address gets at most 48 of 64 concurrent calls to an upstream, and another address is still served', async () => {
  const release = Promise.withResolvers<void>()
  const upstream = await startUpstream({
    handler: async ({ url }, response) => {
      if (url !== '/s/quick') await release.promise
      response.end('done')
    },
  })
  const node = await startPublicNode([upstream.url], { max_calls: 64 })
  const get = (from: string, target: string) => request(node.port, requestBytes({ target }), { from })

  const held = Array.from({ length: 60 }, () => get('127.0.0.2', '/s/slow'))
  await expect.poll(() => upstream.requests.length).toBe(48)
  const other = await get('127.0.0.3', '/s/quick')
  const same = await get('127.0.0.2', '/s/quick')
  release.resolve()

  expect([other.status, same.status]).toEqual([200, 503])
  expect(same.field('retry-after')).toBe('1')
  expect((await Promise.all(held)).filter(({ status }) => status === 503)).toHaveLength(12)
})
