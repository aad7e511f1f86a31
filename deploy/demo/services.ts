// The demo's three protected services in one process: `services.ts OFFSET [ADDRESS]`. ADDRESS is the address to listen
// on.

import { portsAt } from './ports.ts'
import { demoService } from './service.ts'

const [, , offset, address = '127.0.0.1'] = process.argv
const ports = portsAt(Number(offset))
const servers = (['orders', 'reports', 'files'] as const).map((name) => demoService(name).listen(ports[name], address))

process.on('SIGTERM', () => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})
