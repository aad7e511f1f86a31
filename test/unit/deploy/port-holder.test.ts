// When a port of the demo is in use, the error names the port and the process that uses it.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { takenPorts } from '../../../deploy/demo/port-holder.ts'
import { portsAt } from '../../../deploy/demo/ports.ts'

test('the error of the demo for a port in use names the process that uses the port', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ports = { ...portsAt(40_000), reports: port }
  const taken = await takenPorts(ports)
  server.close()

  expect(taken.filter((one) => one.port === port)).toEqual([
    { name: 'service reports', port, holder: expect.stringContaining(`(pid ${process.pid})`) },
  ])
  expect(await takenPorts(ports, ['service reports'])).not.toContainEqual(expect.objectContaining({ port }))
})
