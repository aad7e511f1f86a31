// Calls the demo's gRPC service through the gate: `grpc-client.ts Get|Watch ID TOKEN` or `grpc-client.ts Chat TOKEN`, each
// with `--port-offset N` for a demo with other ports. `Chat` sends each line of the standard input. Prints each message as
// JSON, and the status at the end. Exit codes: 0 success, 1 another gRPC status, 2 wrong usage.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { OrdersCall, type OrdersMethod } from './grpc/call-orders.ts'
import { portsAt } from './ports.ts'
import { stateFolder } from './state.ts'

const options = { 'port-offset': { type: 'string', default: '0' } } as const
const { values, positionals } = parseArgs({ allowPositionals: true, options })
const [method = '', ...words] = positionals
const methods: readonly string[] = ['Get', 'Watch', 'Chat']
const [id, token] = method === 'Chat' ? [undefined, ...words] : words
if (!methods.includes(method) || token === undefined) {
  console.error('usage: grpc-client.ts Get|Watch ID TOKEN, or grpc-client.ts Chat TOKEN, with --port-offset N')
  process.exit(2)
}

const ports = portsAt(Number(values['port-offset']))
const certificate = readFileSync(join(stateFolder(ports), 'gate.crt'), 'utf8')
const call = new OrdersCall({ port: ports.http2, certificate, method: method as OrdersMethod, token })
if (id === undefined) {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => call.send({ 1: line }))
  lines.on('close', () => call.finish())
} else {
  call.send({ 1: id })
  call.finish()
}

/** Names of the fields in orders.proto. */
const names = method === 'Chat' ? ['text', 'caller'] : ['id', 'item', 'version', 'caller']
for await (const fields of call.messages) {
  console.log(JSON.stringify(Object.fromEntries(names.map((name, index) => [name, fields[index + 1]]))))
}
const { status, message } = await call.end()
console.error(`ended: gRPC status ${status ?? 'missing'}${message === '' ? '' : ` ${message}`}`)
process.exit(status === 0 ? 0 : 1)
