import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'

// Viewers watch the audit log through the admin API of a node.

const token = randomBytes(32).toString('base64url')
const { port } = await testRedis()
const writer = new AuditWriter(port)
await writer.write(30, (number) => ({ 'gatehouse.service': number % 10 === 0 ? 'reports' : 'orders' }))
const { adminPort } = await startNode({
  policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
  settings: {
    redis: { url: `redis://127.0.0.1:${port}` },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: token },
})

interface TailedEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

async function open(query: string): Promise<IncomingMessage> {
  const call = request({
    port: adminPort,
    path: `/api/v1/audit/tail?${query}`,
    headers: { authorization: `Bearer ${token}` },
    agent: false,
  })
  call.on('error', () => {}).end()
  onTestFinished(() => void call.destroy())
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  return response
}

async function get(path: string): Promise<{ status: number; document: Record<string, unknown> }> {
  const reply = await fetch(`http://127.0.0.1:${adminPort}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: reply.status, document: (await reply.json()) as Record<string, unknown> }
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<TailedEvent, undefined> {
  let event = ''
  for await (const line of createInterface({ input: response })) {
    if (line.startsWith('event: ')) event = line.slice(7)
    else if (line.startsWith('data: ')) yield { event, data: JSON.parse(line.slice(6)) }
  }
}

test('a client that watches the audit log gets the latest matching records, and then each new record once', async () => {
  const response = await open('service=reports&path=/orders/&last=2')
  expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/event-stream'])
  const events = eventsOf(response)
  const seen: unknown[] = []
  const take = async () => {
    const { value } = await events.next()
    expect(value?.event).toBe('record')
    seen.push(value?.data['gatehouse.request.id'])
  }
  await take()
  await take()
  await writer.write(2, (number) => ({ 'gatehouse.service': number === 32 ? 'reports' : 'orders' }))
  await take()
  expect(seen).toEqual(['r20', 'r30', 'r32'])
})

test('the admin API finds an exchange by its request id, with its reason and the place of its record in the sealed audit chain', async () => {
  await writer.write(3, (number) => ({
    'gatehouse.request.id': `found-${number}`,
    'gatehouse.reason': 'credential-missing',
  }))
  const number = writer.ids.length - 1
  const { status, document } = await get(`exchanges/found-${number}`)
  expect(status).toBe(200)
  expect(document).toMatchObject({ id: `found-${number}`, reason: { name: 'credential-missing', status: 401 } })
  expect(document['records']).toMatchObject([
    {
      record: { id: writer.ids[number - 1], 'url.path': `/orders/${number}` },
      place: {
        shard: 0,
        chain: 'node-1.0123456789ab',
        number,
        first: number - 1,
        last: number + 1,
        check: 'unchanged',
      },
    },
  ])
  expect(await get('exchanges/unknown')).toMatchObject({ status: 404, document: { code: 'exchange_unknown' } })
})

test('the admin API rejects a request to watch the audit log with an unknown filter, or for more than 200 earlier records', async () => {
  expect((await open('colour=red')).statusCode).toBe(400)
  expect((await open('last=201')).statusCode).toBe(400)
  expect((await open('last=200')).statusCode).toBe(200)
})
