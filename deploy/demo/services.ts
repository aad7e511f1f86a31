// The demo's three protected services, one process: `services.ts OFFSET`.

import { portsAt } from './ports.ts'
import { demoService } from './service.ts'

const ports = portsAt(Number(process.argv[2]))
const servers = (['orders', 'reports', 'files'] as const).map((name) =>
  demoService(name).listen(ports[name], '127.0.0.1'),
)

process.on('SIGTERM', () => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})
