import { createServer } from 'node:http'
import { portsAt } from '../../deploy/demo/ports.ts'

// Demo services that reply 200 to every request and do not report the requests they received, for the tests of `demo
// --check`.

const ports = portsAt(Number(process.argv[2]))
const servers = [ports.orders, ports.reports, ports.files].map((port) =>
  createServer((request, response) => {
    request.resume()
    request.on('end', () => response.setHeader('content-type', 'application/json').end('{"service":"orders"}'))
  }).listen(port, '127.0.0.1'),
)

process.on('SIGTERM', () => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})
