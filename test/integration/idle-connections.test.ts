import { expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { residentMiB, startPublicProcess } from './data-plane-node.ts'
import { KeepAliveLoad } from './keep-alive-load.ts'

// Idle connections cost memory only. `gatehouse bench memory` measures 10,000 idle connections.

const waiting = 1000

const upstream = await startUpstream()
const node = await startPublicProcess([upstream.url])

async function answered(wire: Wire, target: string): Promise<number | undefined> {
  await wire.send(requestBytes({ target }))
  return (await readReply(wire))?.status
}

test(`while ${waiting} connections are idle, the gate serves other requests, and each idle connection still works`, async () => {
  const before = residentMiB(node)
  const wires: Wire[] = []
  for (let n = 0; n < waiting; n++) wires.push(await connect(node.port))
  const first = await Promise.all(wires.map((wire, n) => answered(wire, `/s/first/${n}`)))
  expect(new Set(first)).toEqual(new Set([200]))

  const load = new KeepAliveLoad({
    port: node.port,
    connections: 8,
    pauseMs: 1,
    request: (number) => requestBytes({ target: `/s/meanwhile/${number}` }),
    faultOf: ({ status }) => (status === 200 ? undefined : `${status}`),
  })
  await expect.poll(() => load.good).toBeGreaterThan(1000)
  const { failures } = await load.stop()
  const grown = residentMiB(node) - before

  expect(failures).toEqual([])
  const again = await Promise.all(wires.map((wire, n) => answered(wire, `/s/again/${n}`)))
  expect(new Set(again)).toEqual(new Set([200]))
  expect(wires.filter(({ ending }) => ending !== 'open')).toEqual([])
  // Memory growth, MiB. Most of the growth is memory of the runtime; a connection needs some KiB.
  expect(grown).toBeLessThan(150)
  for (const wire of wires) wire.close()
})
