// The demo's protected services in one process: `services.ts OFFSET [ADDRESS]`. ADDRESS is the address to listen
// on.

import { ordersService } from './grpc/orders-service.ts'
import { portsAt } from './ports.ts'
import { demoService } from './service.ts'

const [, , offset, address = '127.0.0.1'] = process.argv
const ports = portsAt(Number(offset))
for (const name of ['orders', 'reports', 'files'] as const) demoService(name).listen(ports[name], address)
ordersService().listen(ports.rpc, address)

// Ends open WebSockets too: a server of node:http has no method for them.
process.on('SIGTERM', () => process.exit())
