import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// The Debian package python3-websockets, a strict implementation of RFC 6455, as a client and as a service. If it is not
// installed, the test downloads the package into .gatehouse/python and unpacks it there.
//
//   npm run chaos -- python-websockets

const python = '/usr/bin/python3'
const scripts = fileURLToPath(new URL('./python', import.meta.url))
const unpacked = fileURLToPath(new URL('../../.gatehouse/python', import.meta.url))
const env = { ...process.env, PYTHONPATH: join(unpacked, 'usr/lib/python3/dist-packages') }

function hasPackage(): boolean {
  try {
    execFileSync(python, ['-c', 'import websockets'], { env, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

if (!hasPackage()) {
  mkdirSync(unpacked, { recursive: true })
  execFileSync('apt-get', ['download', 'python3-websockets'], { cwd: unpacked, stdio: ['ignore', 'ignore', 'inherit'] })
  const [deb] = readdirSync(unpacked).filter((name) => name.endsWith('.deb'))
  execFileSync('dpkg-deb', ['-x', deb!, '.'], { cwd: unpacked })
  if (!existsSync(env.PYTHONPATH) || !hasPackage()) {
    throw new Error('install the Debian packages python3 and python3-websockets: they could not be downloaded')
  }
}

function startPython(script: string, ...args: string[]) {
  const child = spawn(python, [join(scripts, script), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code} before it printed a line`)))
  })
}

const issuer = await startIssuer()
const [servicePort, ws] = await Promise.all([startPython('service.py'), WebSocketService.start()])
const route = (id: string) => ({
  id,
  match: { path: `/${id}/**` },
  require: { scopes: { all: ['live'] } },
  websocket: { subprotocols: ['chat.v2'] },
})
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      python: { upstreams: [`http://127.0.0.1:${servicePort}`], routes: [route('python')] },
      ws: { upstreams: [ws.url], routes: [route('ws')] },
    },
  },
})
const token = issuer.sign({ claims: { scope: 'live' } })

test('the Python package websockets, as a client and as a service, exchanges messages, fragments, pings and close codes through the gate', async () => {
  const seen = JSON.parse(await startPython('client.py', `ws://127.0.0.1:${node.port}/python/1`, token)) as object
  console.log(seen)
  expect(seen).toMatchObject({
    subprotocol: 'chat.v2',
    extensions: null,
    same: [true, true, true, true, true, true],
    pong: true,
    closed: [4242, 'as requested'],
    refused: 401,
  })
})

test('the Python package websockets as a service serves a client of the npm package ws, and the client gets its close code', async () => {
  const client = await openSocket(node.port, '/python/2', { token, protocols: ['chat.v2'] })
  expect(client.ws.protocol).toBe('chat.v2')
  client.ws.send('hello')
  client.ws.send(Buffer.alloc(100_000, 'y'))
  expect((await client.received(2))[1]).toEqual(Buffer.alloc(100_000, 'y'))
  client.ws.send('close me')
  expect(await client.ended()).toEqual([4242, 'as requested'])
})
