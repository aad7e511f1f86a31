// A running node follows its key files and secrets, and a reload without a key in use changes nothing.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { atEnd } from '../kit/cleanup.ts'
import { startNode } from '../kit/node.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-key-reload-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const tokens = ['one', 'two', 'three'].map((name) => `bootstrap-token-${name}-of-the-reload-test`)
let node: TestNode

const writeKey = (id: string) =>
  writeFileSync(join(folder, 'keys', id), JSON.stringify(signingKey('ES256').privateJwk), { mode: 0o600 })
const tokenFile = join(folder, 'token')
const writeToken = (text: string) => writeFileSync(tokenFile, text, { mode: 0o600 })

beforeAll(async () => {
  mkdirSync(join(folder, 'keys'))
  writeKey('k1')
  writeToken(tokens[0]!)
  const { url } = await startUpstream()
  const policy = {
    version: 1,
    services: {
      open: { upstreams: [url], routes: [{ id: 'open', match: { path: '/**' }, require: 'public' }] },
    },
  }
  const admin = { listen: '127.0.0.1:0', bootstrap_token: { file: tokenFile } }
  node = await startNode({ policy, settings: { admin, keys: { assertion: { directory: join(folder, 'keys') } } } })
})

async function publishedIds(): Promise<string[]> {
  const reply = await fetch(`http://127.0.0.1:${node.port}/.well-known/gatehouse/jwks.json`)
  return ((await reply.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
}

async function statusWith(token: string): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/status`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return reply.status
}

const linesWith = (msg: string) => node.log.filter((line) => line['msg'] === msg)

test('a node publishes an assertion key that is added to its key folder, without a signal', async () => {
  expect(await publishedIds()).toEqual(['k1'])
  writeKey('k2')
  await until('k2 is published', async () => (await publishedIds()).includes('k2'))
})

test('S-128: during a rotation of the bootstrap token, the admin API accepts the new and the previous token', async () => {
  writeToken(tokens[1]!)
  await until('the new token is accepted', async () => (await statusWith(tokens[1]!)) === 200)
  expect(await statusWith(tokens[0]!)).toBe(200)

  writeToken(tokens[2]!)
  await until('the newest token is accepted', async () => (await statusWith(tokens[2]!)) === 200)
  expect([await statusWith(tokens[1]!), await statusWith(tokens[0]!)]).toEqual([200, 401])
})

test('a bootstrap token that is too short is rejected, and the token in use stays valid', async () => {
  writeToken('short')
  const line = await node.waitForLine(({ msg }) => msg === 'secret rejected; the value in use stays active')
  const problem = `${tokenFile} must have at least 32 characters`
  expect(line).toMatchObject({ secret: 'admin.bootstrap_token', problem })
  expect([await statusWith(tokens[2]!), await statusWith('short')]).toEqual([200, 401])
  writeToken(tokens[2]!)
})

test('SIGHUP with settings that lack the signing key is rejected, and changes neither keys nor secrets', async () => {
  const file = node.folder.file('gatehouse.yaml')
  const settings = parse(readFileSync(file, 'utf8'))
  const other = join(folder, 'other-token')
  writeFileSync(other, tokens[0]!, { mode: 0o600 })
  mkdirSync(join(folder, 'others'))
  writeFileSync(join(folder, 'others', 'k3'), JSON.stringify(signingKey('ES256').privateJwk), { mode: 0o600 })
  const keys = { assertion: { directory: join(folder, 'others') } }
  const admin = { ...settings.admin, bootstrap_token: { file: other } }
  writeFileSync(file, stringify({ ...settings, keys, admin }))
  node.reload()

  await until(
    'the reload is rejected',
    () => linesWith('settings rejected; the settings in force stay active').length > 0,
  )
  const [line] = linesWith('settings rejected; the settings in force stay active')
  expect(JSON.stringify(line)).toContain(
    'key `k1` of keys.assertion is missing, but it is still in use: this process signs with it',
  )
  expect(await publishedIds()).toEqual(['k1', 'k2'])
  expect([await statusWith(tokens[2]!), await statusWith(tokens[0]!)]).toEqual([200, 401])

  // The same change of the secret without the change of the keys, and a changed setting that needs a restart.
  writeFileSync(file, stringify({ ...settings, admin, request: { head_max: '32KiB' } }))
  node.reload()
  const warning = await node.waitForLine(({ msg }) => msg === 'some changed settings take effect only after a restart')
  expect(warning['settings']).toEqual(['request.head_max'])
  expect([await statusWith(tokens[0]!), await statusWith(tokens[2]!)]).toEqual([200, 200])

  writeFileSync(file, stringify({ ...settings, admin: { listen: settings.admin.listen } }))
  node.reload()
  await until('the settings without a token are in force', () => linesWith('settings reloaded').length === 2)
  expect([await statusWith(tokens[0]!), await statusWith(tokens[2]!)]).toEqual([401, 401])
})
