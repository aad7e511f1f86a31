import { expect, test } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// One client is allowed 48 of 64 concurrent calls. If a call kept its slot after its end, the last request would be
// refused.

const ROUNDS = 120
const AT_ONCE = 20

test('after a call to an upstream breaks, stays incomplete or is aborted, it no longer counts against max_calls', async () => {
  const upstream = await startUpstream({
    handler: ({ url }, response, incoming) => {
      if (url === '/s/fine') response.end('done')
      else if (url === '/s/breaks') incoming.socket.destroy()
      else if (url === '/s/half') {
        response.writeHead(200, { 'content-length': '10' }).write('half.')
        setImmediate(() => incoming.socket.destroy())
      }
    },
  })
  const node = await startPublicNode([upstream.url], { max_calls: 64 })
  const get = (target: string) => request(node.port, requestBytes({ target }))
  const endings: Record<string, () => Promise<unknown>> = {
    broken: () => get('/s/breaks'),
    incomplete: () => get('/s/half').catch(() => undefined),
    aborted: async () => {
      const wire = await connect(node.port)
      await wire.send(requestBytes({ target: '/s/hangs' }))
      wire.close()
    },
  }

  for (const [ending, end] of Object.entries(endings)) {
    for (let done = 0; done < ROUNDS; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, end))
    // The gate notices the disconnected clients asynchronously.
    await expect.poll(async () => (await get('/s/fine')).status, { message: ending }).toBe(200)
  }
})
