import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addService } from '../own-service.ts'
import { loopback } from '../ports.ts'
import { expectEqual } from './expect.ts'
import type { CheckStep } from './step.ts'

/** Number of requests of each kind. Two nodes share the port, so that both decide some of them. */
const requests = 8

export const ownServiceSteps: readonly CheckStep[] = [
  {
    title: 'demo add URL: both nodes protect a new service, 401 without a token, 403 without the scope, else 200',
    run: async (client) => {
      const targets: (string | undefined)[] = []
      const service = createServer(({ url }, response) => {
        targets.push(url?.replace(/\?.*/, ''))
        response.end('own')
      })
      service.listen(0, '127.0.0.1')
      await once(service, 'listening')
      try {
        const url = `${loopback((service.address() as AddressInfo).port)}/v1`
        await addService(client.ports, { url, scope: 'reports:read', name: 'mine' })
        const admitted = await client.token({ client: 'reader' })
        const other = await client.token({ client: 'writer' })
        for (let i = 0; i < requests; i++) {
          const target = `/mine/things/${i}`
          expectEqual('status without a token', (await client.send({ target })).status, 401)
          expectEqual('status without the scope', (await client.send({ target, token: other })).status, 403)
          expectEqual('status with the scope', (await client.send({ target, token: admitted })).status, 200)
        }
        const expected = Array.from({ length: requests }, (_, i) => `/v1/things/${i}`)
        expectEqual('paths that the service received', targets, expected)
      } finally {
        service.close()
        service.closeAllConnections()
      }
    },
  },
]
