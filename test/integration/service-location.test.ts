import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// A service that does not know its public address redirects to its own origin, which clients cannot reach.

const upstream = await startUpstream({
  handler: ({ url }, response) => {
    const location = new URL(url, upstream.url).searchParams.get('to')!.replace('OWN', upstream.url)
    response.writeHead(302, { Location: location }).end()
  },
})
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    moved: {
      upstreams: [upstream.url],
      route: { rewrite: { strip_prefix: '/moved', add_prefix: '/internal' } },
    },
  }),
})

async function locationOf(to: string, service = 's'): Promise<readonly string[]> {
  const { status, all } = await replyTo(to, service)
  expect(status).toBe(302)
  return all
}

async function replyTo(to: string, service: string) {
  const reply = await request(node.port, requestBytes({ target: `/${service}/x?to=${encodeURIComponent(to)}` }))
  return { status: reply.status, all: reply.all('location') }
}

test.each([
  ['OWN/s/new?a=b%20c#d', '/s/new?a=b%20c#d'],
  ['OWN', '/'],
  ['OWN?a', '/?a'],
])(
  'a Location field of a service reply with the origin of the service (%s) becomes a path at the gate',
  async (to, path) => {
    expect(await locationOf(to)).toEqual([path])
  },
)

test.each([
  ['OWN/internal/new?a', '/moved/new?a'],
  ['OWN/internal', '/moved'],
  ['OWN/internals/new', '/internals/new'],
])(
  'in a Location field with the origin of the service (%s), the gate reverses the path rewrite of the route',
  async (to, path) => {
    expect(await locationOf(to, 'moved')).toEqual([path])
  },
)

test.each([
  'https://elsewhere.test/?a=b',
  '/s/new',
  'new?a',
  'OWN@elsewhere.test/',
  'OWN0/s/new',
  'OWN//elsewhere.test/',
  'OWN/\\elsewhere.test/',
  'OWN/.//elsewhere.test/',
  'OWN/s/\u00e4',
])(
  'a Location field that names another origin, or could do so as a path, passes through the gate unchanged (%s)',
  async (to) => {
    expect(await locationOf(to)).toEqual([to.replace('OWN', upstream.url)])
  },
)
