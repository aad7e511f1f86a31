import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { withPort } from '../../../gateway/port.ts'
import { listen as listenOn } from '../../kit/ports.ts'
import { connect } from '../../kit/raw-client.ts'

const settingsFor = (listen: string) =>
  loadSettings({ path: undefined, env: { GATEHOUSE_POLICY_PATH: 'policy.yaml' }, flags: { listen } })

test('a node replaces port 0 in its settings by a free port, also in the public URL', async () => {
  const { listen, publicUrls } = await withPort(settingsFor('127.0.0.1:0'))

  expect(listen.port).toBeGreaterThan(0)
  expect(publicUrls).toEqual([`http://127.0.0.1:${listen.port}`])
})

test('a node does not change a port other than 0 in its settings', async () => {
  expect((await withPort(settingsFor('127.0.0.1:8080'))).listen.port).toBe(8080)
})

test('the free port that replaces port 0 in the settings is reserved by a socket, refuses connections, and can be listened on', async () => {
  const { listen } = await withPort(settingsFor('127.0.0.1:0'))

  await expect(connect(listen.port)).rejects.toThrow('ECONNREFUSED')
  expect(inUse()).toContain(listen.port)
  const server = createServer()
  expect(await listenOn(server, listen.port)).toBe(listen.port)
  server.close()
})

/** Returns the ports of 127.0.0.1 that belong to a socket, whether the socket listens or not. */
function inUse(): number[] {
  const table = readFileSync('/proc/net/tcp', 'latin1')
  return [...table.matchAll(/^ *\d+: 0100007F:([0-9A-F]{4}) /gm)].map(([, port]) => Number.parseInt(port!, 16))
}
