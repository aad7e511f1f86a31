import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ClientRequest } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AdminClient } from '../../../gateway/cli/admin-client.ts'

/** Accepts connections and never replies, as a node whose process is stopped. */
let silent: Server

beforeEach(async () => {
  silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
})
afterEach(() => void silent.close())

function client(): AdminClient {
  const { port } = silent.address() as AddressInfo
  return AdminClient.from(`http://127.0.0.1:${port}`, { GATEHOUSE_ADMIN_TOKEN: 'x' })
}

/** Starts a call, ends its request, and returns the reply timeout that the request had, ms. */
async function replyTimeout(call: () => Promise<unknown>): Promise<number | undefined> {
  let request: ClientRequest | undefined
  const keep = (message: unknown) => {
    request = (message as { request: ClientRequest }).request
  }
  diagnostics.subscribe('http.client.request.created', keep)
  const ended = call().catch(() => {})
  diagnostics.unsubscribe('http.client.request.created', keep)
  request?.destroy()
  await ended
  return (request as unknown as { timeout?: number } | undefined)?.timeout
}

test('a query to a node that hangs fails with exit code 3 and the reply timeout in its message', async () => {
  await expect(client().call('GET', '/api/v1/nodes', 'nodes', undefined, 20)).rejects.toMatchObject({
    exitCode: 3,
    code: 'GH_ADMIN_UNREACHABLE',
    message: expect.stringContaining('no reply within 0.02 s'),
  })
})

test('a query waits 30 s for its reply, and a change 6 minutes, because it may wait for every node', async () => {
  expect(await replyTimeout(() => client().call('GET', '/api/v1/nodes', 'nodes'))).toBe(30_000)
  expect(await replyTimeout(() => client().call('POST', '/api/v1/revocations', 'missing', {}))).toBe(360_000)
})
