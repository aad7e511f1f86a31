import { AdminClient, adminFlag } from '../admin-client.ts'
import { drainExitCodes, drainedService, drainedUpstream, printDrain, servicesText } from '../drain-text.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse upstreams undrain`: ends the drain of an upstream on every node. */
export const verb = defineVerb({
  description: 'End the drain of an upstream on every node; its calls return with the slow start of the service',
  arguments: { upstream: drainedUpstream },
  flags: { service: drainedService, admin: adminFlag },
  examples: [
    { run: 'gatehouse upstreams undrain http://orders-1:8080', does: 'after the maintenance of an upstream' },
    { run: 'gatehouse upstreams undrain http://orders-1:8080 --service orders', does: 'for one service' },
  ],
  exitCodes: drainExitCodes,
  run: async ({ upstream, service, admin }, output) => {
    const { document } = await AdminClient.from(admin).call('POST', '/api/v1/upstreams/undrain', 'upstreams', {
      upstream,
      ...(service !== undefined && { service }),
    })
    const services = servicesText(document)
    output.line(services === '' ? `${upstream} was not drained.` : `Ended the drain of ${upstream} in ${services}.`)
    return printDrain(document, output)
  },
})
