import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { status } from '@grpc/grpc-js'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { callMany } from '../kit/grpc-client.ts'
import { type GrpcGates, startGrpcGates } from '../kit/grpc-gates.ts'

// 10,000 gRPC calls each of @grpc/grpc-js and of the C-core client (Debian package python3-grpcio) over two nodes. The
// test of the C-core client is skipped if the package is not installed: `apt-get install python3-grpcio`.
//
//   npm run chaos -- grpc

const CALLS = 10_000
const python = '/usr/bin/python3'
const script = fileURLToPath(new URL('./python/grpc_client.py', import.meta.url))
const hasPackage = spawnSync(python, ['-c', 'import grpc']).status === 0
if (!hasPackage) console.warn('python3-grpcio is not installed: the C-core client is not tested')

let gates: GrpcGates
beforeAll(async () => {
  gates = await startGrpcGates()
})

const tokenOf = (sub: string) => gates.issuer.sign({ claims: { sub, scope: 'rpc' } })

test(`${CALLS} gRPC calls of grpc-js of all kinds (unary and streaming) over two nodes have the right results`, async () => {
  expect(await callMany(gates.clients, CALLS, { authorization: `Bearer ${tokenOf('js')}` })).toEqual([])
})

test.skipIf(!hasPackage)(
  `${CALLS} gRPC calls of the C-core client over two nodes have the right results, and revoked streams end with UNAUTHENTICATED`,
  async () => {
    const token = tokenOf('core')
    const clients = gates.nodes.map(({ http2Port }) => startPython(`127.0.0.1:${http2Port}`, token, String(CALLS / 2)))
    for (const { lines } of clients) expect((await lines.next()).value).toBe('ready')
    const receipt = await gates.revocation.revoke({ kind: 'subject', id: 'core', issuer: 'main' })

    expect(receipt.missing).toEqual([])
    for (const { lines } of clients) {
      expect(JSON.parse((await lines.next()).value as string)).toEqual({
        large: true,
        bytes: [true, true],
        failed: [status.NOT_FOUND, 'no such order: 100 % sure, ü'],
        aborted: [status.ABORTED, 'as asked'],
        deadline: status.DEADLINE_EXCEEDED,
        missing: status.UNAUTHENTICATED,
        cancelled: status.CANCELLED,
        wrong: 0,
        revoked: status.UNAUTHENTICATED,
      })
    }
  },
)

function startPython(...args: readonly string[]): { readonly lines: AsyncIterator<string> } {
  const child = spawn(python, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => void child.kill('SIGKILL'))
  return { lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}
