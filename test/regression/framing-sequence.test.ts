import { beforeAll, expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { GateUnderAttack } from './gate-under-attack.ts'
import { expectRefused } from './refusal.ts'

// A client connection carries one protocol and one exchange at a time (docs/design/attack-cases.md, "Framing and
// smuggling").

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start()
})

const get = (target: string, ...fields: readonly string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: api.test', ...fields, '', ''].join('\r\n')

test.each([
  ['both proxied', '/public/first', '/public/second'],
  ['rejected, then proxied', '/admin/first', '/public/second'],
  ['unknown route, then proxied', '/nowhere/first', '/public/second'],
  ['proxied, then rejected', '/public/first', '/admin/second'],
])('S-011 no pipelined request to the gate gets the reply of another request: %s', async (_what, first, second) => {
  for (const pieces of [[get(first) + get(second)], [get(first), get(second)]]) {
    const wire = await connect(gate.port)
    const { result } = await gate.witness(async () => {
      await wire.send(pieces, 0)
      const one = await readReply(wire)
      return [one, one === undefined ? undefined : await readReply(wire)]
    })
    wire.close()

    const targets = [first, second]
    for (const [index, reply] of result.entries()) {
      // Without a reply the listener has closed the connection, because the second request came before the reply to the
      // first.
      if (reply === undefined) continue
      const target = targets[index]!
      expect(reply.status).toBe(target.startsWith('/public/') ? 200 : target.startsWith('/admin/') ? 401 : 404)
      if (reply.status === 200) expect(reply.json()).toMatchObject({ url: target })
      else expect(reply.json()).toMatchObject({ instance: reply.field('x-request-id') })
    }
  }
})

test('S-011 ten sequential requests on one connection to the gate get their own replies', async () => {
  const wire = await connect(gate.port)
  const targets = Array.from({ length: 10 }, (_, n) => `/${n % 3 === 0 ? 'nowhere' : 'public'}/${n}`)

  const { result, records } = await gate.witness(async () => {
    const replies: [target: string, status: number | undefined, seen: unknown][] = []
    for (const target of targets) {
      await wire.send(get(target))
      const reply = await readReply(wire)
      replies.push([target, reply?.status, (reply!.json() as { url?: string }).url])
    }
    return replies
  })

  expect(result).toEqual(
    targets.map((target) => (/nowhere/.test(target) ? [target, 404, undefined] : [target, 200, target])),
  )
  expect(records.map(({ path }) => path)).toEqual(targets)
})

test.each(['200-ok', '100-continue, 200-ok', '100-continu', '"100-continue"', ''])(
  'S-012 the gate rejects the expectation %j with 417',
  async (value) => {
    const attack = await gate.attack(get('/public/x', `Expect: ${value}`, 'Content-Length: 0'))

    expectRefused(attack, { status: 417, code: 'expectation_failed', reason: 'expectation-unknown' })
  },
)

test.each(['100-continue', '100-Continue'])(
  'S-012 the gate does not forward the Expect field with %s',
  async (value) => {
    const bytes = requestBytes({ method: 'POST', target: '/public/x', fields: [['Expect', value]], body: 'abc' })
    const { replies, requests } = await gate.attack(bytes)

    // uWebSockets.js sends the interim reply 100 itself, before the gate runs.
    expect(replies[0]?.status).toBe(200)
    expect(requests).toMatchObject([{ bodyBytes: 3 }])
    expect(requests[0]!.all('expect')).toEqual([])
  },
)

test.each([
  ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA', 'Connection: Upgrade, HTTP2-Settings'],
  ['Upgrade: h2c', 'Connection: Upgrade'],
  ['Upgrade: h2c'],
  ['Upgrade: h2c, websocket', 'Connection: Upgrade'],
  ['Upgrade: TLS/1.0', 'Connection: upgrade'],
  ['HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA', 'Connection: HTTP2-Settings'],
  ['Connection: Upgrade'],
])('S-016 the gate forwards no upgrade other than WebSocket, and replies in HTTP/1.1: %s', async (...fields) => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const wire = await connect(gate.port)
  const { result, records, recorded } = await gate.witness(async () => {
    await wire.send(get('/raw/x', ...fields))
    const reply = await readReply(wire)
    // The protocol has not changed to HTTP/2, so the gate reads the preface as a malformed HTTP/1.1 request.
    await wire.send(preface)
    return { reply, after: (await wire.rest()).toString('latin1') }
  })

  expect(result.reply).toMatchObject({ status: 200, text: 'ok', interim: [] })
  expect(result.reply!.all('upgrade')).toEqual([])
  expect(result.after).toMatch(/^HTTP\/1\.1 505 /)
  expect(records).toMatchObject([{ decision: 'admitted' }])
  expect(recorded).toHaveLength(1)
  expect(recorded[0]!.head).not.toMatch(/upgrade|settings/i)
})

const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='

test.each([
  ['no Upgrade', [key]],
  ['a version but no Upgrade', [key, 'Sec-WebSocket-Version: 13', 'Connection: Upgrade']],
  ['another protocol', [key, 'Upgrade: h2c', 'Sec-WebSocket-Version: 13', 'Connection: Upgrade']],
])('S-017 the gate forwards Sec-WebSocket-Key without a WebSocket upgrade as plain HTTP: %s', async (_what, fields) => {
  const { replies, records, requests } = await gate.attack(get('/public/x', ...fields))

  expect(replies).toMatchObject([{ status: 200 }])
  expect(records).toMatchObject([{ decision: 'admitted' }])
  expect(requests).toMatchObject([{ method: 'GET', url: '/public/x' }])
  expect(requests[0]!.all('upgrade')).toEqual([])
})

test.each(['websocket', 'WebSocket'])(
  'S-017 on a route that does not allow WebSocket, a handshake with Upgrade: %s gets 501 and no tunnel',
  async (protocol) => {
    const fields = [key, `Upgrade: ${protocol}`, 'Sec-WebSocket-Version: 13', 'Connection: Upgrade']
    const refusal = { status: 501, code: 'upgrade_not_supported', reason: 'upgrade-unsupported' }

    expectRefused(await gate.attack(get('/public/x', ...fields)), refusal)
    expectRefused(await gate.attack(`${get('/public/x', ...fields)}${get('/admin/x')}`), { ...refusal, more: true })
  },
)

test.each(['close', 'CLOSE', 'close, x', 'x,close', 'keep-alive, close'])(
  'the gate replies with Connection: close to a request with Connection: %s',
  async (value) => {
    const { result } = await gate.witness(async () => {
      const replies: [number | undefined, string[] | undefined][] = []
      for (const target of ['/public/x', '/raw/x', '/admin/x', '/nowhere/x', '/public//x']) {
        const wire = await connect(gate.port)
        await wire.send(get(target, `Connection: ${value}`))
        const reply = await readReply(wire)
        replies.push([reply?.status, reply?.all('connection')])
        wire.close()
      }
      return replies
    })

    expect(result).toEqual([200, 200, 401, 404, 400].map((status) => [status, ['close']]))
  },
)
