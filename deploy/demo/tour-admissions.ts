import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { valuesOf } from './arrival.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { refreshTokens } from './grants.ts'
import { openHttp } from './http-call.ts'
import { repeatedBlock } from './send-bytes.ts'
import type { Echo } from './service.ts'
import { bodyOf, rows, streamRow } from './tour-rows.ts'
import type { TourStep } from './tour-step.ts'
import { sha256, type Tourist } from './tourist.ts'

const largeBytes = 12 * 1024 * 1024

const rowAdmissions: readonly TourStep[] = rows.map((row) => ({
  title: `${row.title} with ${row.scope} alone${row.roles.length === 0 ? '' : ' and the role'}: 200, the service knows who asks`,
  run: async (tourist) => {
    const token = await tourist.token({ client: row.client, scope: row.scope })
    for (const method of row.methods) {
      const body = bodyOf(method)
      for (const target of row.paths) {
        const visit = { method, target, token, ...(body === undefined ? {} : { body }) }
        await tourist.isAdmitted(visit, row.service, { token, roles: row.roles })
      }
    }
  },
}))

export const admissions: readonly TourStep[] = [
  ...rowAdmissions,
  {
    title: 'GET /public/** is for everybody, and names nobody',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      for (const method of ['GET', 'HEAD']) {
        await tourist.isAdmitted({ method, target: '/public/hello' }, 'files', undefined)
        // A credential is not read there, and does not get through either.
        await tourist.isAdmitted({ method, target: '/public/hello', token }, 'files', undefined)
        await tourist.isAdmitted({ method, target: '/public/hello', token: 'x' }, 'files', undefined)
      }
    },
  },
  {
    title: 'what a client says about identity, address or this hop does not arrive',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader' })
      const fields = {
        'X-Gatehouse-Jwt-Assertion': 'forged',
        x_gatehouse_jwt_assertion: 'forged',
        'X-Gatehouse.Jwt-Assertion': 'forged',
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'https',
        Forwarded: 'for=10.0.0.1',
        'X-Forwarded-Prefix': '/evil',
        'X-Real-IP': '10.0.0.1',
        'X-Original-URL': '/internal/ledger',
        'X-HTTP-Method-Override': 'DELETE',
        'Proxy-Authorization': 'Basic eDp4',
        Connection: 'X-Tour-Hop, X-Gatehouse-Jwt-Assertion',
        'X-Tour-Hop': '1',
      }
      const gone = [
        'x-forwarded-prefix',
        'x-real-ip',
        'x-original-url',
        'x-http-method-override',
        'proxy-authorization',
        'x-tour-hop',
      ]
      const visit = { method: 'GET', fields }
      const asReader = { ...visit, target: '/orders/1', token }
      const answers = [
        await tourist.isAdmitted(asReader, 'orders', { token, roles: [] }),
        await tourist.isAdmitted({ ...visit, target: '/public/hello' }, 'files', undefined),
      ]
      for (const answer of answers) {
        const { headers } = JSON.parse(answer.body.toString()) as Echo
        for (const name of gone) expectEqual(`${name} that arrived`, valuesOf(headers, name), [])
      }
    },
  },
  {
    title: 'a request id of the client goes through, and comes back',
    run: async (tourist) => {
      const id = `tour-${Date.now()}`
      const answer = await tourist.isAdmitted(
        { method: 'GET', target: '/public/id', fields: { 'X-Request-Id': id } },
        'files',
        undefined,
      )
      expectEqual('X-Request-Id of the reply', answer.field('x-request-id'), id)
    },
  },
  {
    title: 'alice, logged in (code and PKCE), may write; a refreshed token still may',
    run: async (tourist) => {
      const { accessToken, refreshToken } = await tourist.tokens({ user: 'alice' })
      await writesAsManager(tourist, accessToken)
      expectTrue('a refresh token from the login of alice', refreshToken !== undefined)
      const refreshed = await refreshTokens(tourist.ports, 'web', refreshToken)
      expectTrue('another access token by the refresh', refreshed.accessToken !== accessToken)
      await writesAsManager(tourist, refreshed.accessToken)
    },
  },
  {
    title: 'GET /files/bytes/N streams 12 MiB down, to the byte',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader', scope: 'files:transfer' })
      const answer = await tourist.visit({ method: 'GET', target: `/files/bytes/${largeBytes}`, token })
      expectEqual('status', answer.status, 200)
      expectEqual('Content-Length', answer.field('content-length'), `${largeBytes}`)
      expectEqual('bytes', answer.body.length, largeBytes)
      expectEqual('SHA-256', sha256(answer.body), hashOfBlocks(largeBytes))
      tourist.noteExchange(answer)
    },
  },
  {
    title: 'POST /files streams 12 MiB up, with and without a length',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'reader', scope: 'files:transfer' })
      for (const length of [{ 'Content-Length': `${largeBytes}` }, { 'Transfer-Encoding': 'chunked' }]) {
        const body = Readable.from(repeatedBlock(largeBytes))
        const answer = await tourist.visit({ method: 'POST', target: '/files', token, body, fields: length })
        expectEqual('status', answer.status, 200)
        const arrived = (JSON.parse(answer.body.toString()) as Echo).body
        expectEqual('body that arrived', arrived, { bytes: largeBytes, sha256: hashOfBlocks(largeBytes) })
        tourist.noteExchange(answer)
      }
    },
  },
  {
    title: 'GET /stream/events with stream:read alone: events come as they happen',
    run: async (tourist) => {
      const token = await tourist.token({ client: streamRow.client, scope: streamRow.scope })
      const { call, marker } = tourist.prepare({ method: 'GET', target: '/stream/events', token })
      const response = await openHttp(call)
      try {
        expectEqual('status', response.statusCode, 200)
        expectEqual('Content-Type', response.headers['content-type'], 'text/event-stream')
        let text = ''
        for await (const chunk of response) {
          text += chunk
          if (text.includes('{"count":1}')) break
        }
        expectTrue('two events while the stream is open', text.includes('{"count":0}') && text.includes('{"count":1}'))
        expectEqual(
          'arrivals',
          (await tourist.seen(marker)).map(({ service }) => service),
          ['files'],
        )
      } finally {
        response.destroy()
      }
    },
  },
  {
    title: "the service's own replies come through as they are: 204, 304, 404, 500",
    run: async (tourist) => {
      for (const status of [204, 304, 404, 500]) {
        const answer = await tourist.visit({ method: 'GET', target: `/public/status?status=${status}` })
        expectEqual('status', answer.status, status)
        const withBody = status !== 204 && status !== 304
        expectEqual(`whether ${status} has a body`, answer.body.length > 0, withBody)
        tourist.noteExchange(answer)
      }
    },
  },
  {
    title: 'a reply that the service breaks off is broken for the client too, never short and whole',
    run: async (tourist) => {
      const { call } = tourist.prepare({ method: 'GET', target: '/public/broken?bytes=1000000&abort_after=300000' })
      const response = await openHttp(call)
      expectEqual('status', response.statusCode, 200)
      const outcome = await readToEnd(response)
      expectEqual('how the reply ends', outcome, 'broken off')
    },
  },
]

async function writesAsManager(tourist: Tourist, token: string): Promise<void> {
  const visit = { method: 'POST', target: '/orders', token, body: Buffer.from('{"item":"tea"}') }
  await tourist.isAdmitted(visit, 'orders', { token, roles: ['manager'] })
}

function hashOfBlocks(bytes: number): string {
  const hash = createHash('sha256')
  for (const piece of repeatedBlock(bytes)) hash.update(piece)
  return hash.digest('hex')
}

async function readToEnd(response: AsyncIterable<Buffer>): Promise<'whole' | 'broken off' | 'stuck'> {
  const read = async () => {
    try {
      for await (const chunk of response) void chunk
      return 'whole' as const
    } catch {
      return 'broken off' as const
    }
  }
  return Promise.race([read(), sleep(5000, 'stuck' as const, { ref: false })])
}
