import { expect, test } from 'vitest'
import { readMetrics } from '../kit/metrics.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { Held } from './held-replies.ts'

// docs/guide/upstreams.md: with `concurrency: adaptive`, a service that does not reply gets a limited number of calls.

const held = new Held()
const service = await startUpstream({ handler: held.handler })
const node = await startPublicNode([service.url], { concurrency: 'adaptive', retry: 'none' })
const get = (n: number) => request(node.port, requestBytes({ target: '/s/1' }), { from: `127.0.1.${n + 1}` })
const limit = async () => (await readMetrics(node.adminPort)).sum('gatehouse_upstream_call_limit', { service: 's' })

test('a service that holds its replies gets as many calls as the adaptive limit, and the next call gets 503', async () => {
  expect((await get(0)).status).toBe(200)
  const most = await limit()
  expect(most).toBe(64)

  held.hold()
  const replies = Array.from({ length: most }, (_, n) => get(n))
  await until('the service holds as many calls as the limit', () => held.waiting === most)
  const refused = await get(most)
  expect([refused.status, refused.field('retry-after')]).toEqual([503, '1'])
  await node.waitForRecord(
    ({ reason, fault }) => reason === 'upstream-full' && String(fault).includes('adaptive limit'),
  )

  held.release()
  for (const { status } of await Promise.all(replies)) expect(status).toBe(200)
  expect((await get(0)).status).toBe(200)
})

test('event streams in progress do not count against the adaptive limit', async () => {
  held.stream()
  const most = await limit()
  const events: ReturnType<typeof get>[] = []
  for (let n = 0; n <= most; n++) {
    events.push(get(n))
    await until(`the service sends event stream ${n}`, () => held.waiting === n + 1)
  }
  held.release()

  for (const { status } of await Promise.all(events)) expect(status).toBe(200)
})
