import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { KeepAliveLoad } from './keep-alive-load.ts'

// docs/design/contract.md §1: with reuse_port several nodes share a port. When one node is stopped, no request
// fails.

test('no request fails when two nodes that listen on one port are stopped one after the other under load', async () => {
  const issuer = await startIssuer()
  const orders = await startUpstream({
    handler: async (received, response) => {
      // The service replies after 0 to 9 ms, so that requests are in progress at any time.
      await sleep(Number(received.url.slice(-1)))
      response.end(received.url)
    },
  })
  const listen = `127.0.0.1:${freePort()}`
  const start = (id: string) =>
    startNodeProcess({
      policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
      settings: { node: { id }, listen, reuse_port: true },
    })
  const [one, two] = [await start('one'), await start('two')]
  const tokens = Array.from({ length: 10 }, () => issuer.sign())

  const load = new KeepAliveLoad({
    port: one.port,
    connections: 30,
    pauseMs: 10,
    request: (number) => requestBytes({ target: `/orders/${number}`, token: tokens[number % tokens.length]! }),
    faultOf: (reply, number) =>
      reply.status === 200 && reply.text === `/orders/${number}` ? undefined : `${reply.status} ${reply.text}`,
  })
  /** Waits until `count` more requests have got correct replies, while the load continues. */
  const more = async (count: number) => {
    const goal = load.good + count
    while (load.good < goal) await sleep(10)
  }
  await more(300)
  expect(await one.stop()).toBe(0)
  await more(300)
  const three = await start('three')
  await more(300)
  expect(await two.stop()).toBe(0)
  await more(300)
  const { good, failures, retried, closed } = await load.stop()

  expect(failures).toEqual([])
  // Each stopped node sent `Connection: close`. Nearly all clients reconnected before their connection ended.
  expect(closed).toBeGreaterThan(10)
  expect(retried).toBeLessThan(10)
  for (const node of [one, two, three]) {
    const log = node.accessLog()
    expect(log.length).toBeGreaterThan(0)
    expect(log.filter(({ decision }) => decision !== 'admitted')).toEqual([])
  }
  expect(one.log.at(-1)).toMatchObject({ msg: 'node stopped', cut_off: 0 })
  expect(orders.requests.length).toBeGreaterThanOrEqual(good)
})
