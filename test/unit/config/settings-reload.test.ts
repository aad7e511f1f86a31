// A reload of the settings applies keys and secrets, names settings that need a restart, and changes nothing after an error.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { KeyRings } from '../../../gateway/config/key-rings.ts'
import { readSettings } from '../../../gateway/config/settings.ts'
import { SettingsReload } from '../../../gateway/config/settings-reload.ts'
import { KeyChange } from '../../../gateway/keys/key-change.ts'
import { localUse } from '../../../gateway/keys/key-lifetimes.ts'

const root = mkdtempSync(join(tmpdir(), 'gatehouse-reload-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let runs = 0
beforeEach(() => {
  folder = join(root, `${++runs}`)
  mkdirSync(join(folder, 'keys'), { recursive: true })
})

const put = (id: string) =>
  writeFileSync(join(folder, 'keys', id), randomBytes(32).toString('base64url'), { mode: 0o600 })
const remove = (id: string) => rmSync(join(folder, 'keys', id))
const settingsOf = (more: object = {}) =>
  writeFileSync(
    join(folder, 'gatehouse.yaml'),
    stringify({ policy: { path: 'policy.yaml' }, keys: { encryption: { directory: 'keys' } }, ...more }),
  )

/**
 * A process with the keys of the settings file, and a clock that the test moves.
 *
 * @param during  called in each reload, after the files were read
 */
function start(during: () => void = () => undefined, env: Readonly<Record<string, string>> = {}) {
  const loaded = readSettings({ path: join(folder, 'gatehouse.yaml'), env, flags: {} })
  const clock = { nowMs: Date.now() }
  const keyRings = new KeyRings(loaded.settings.keys, () => clock.nowMs)
  const neededUntilMs = localUse(keyRings, { issuers: () => [], auditRecentMs: 0 })
  const change = new KeyChange({ keyRings, neededUntilMs, nowMs: () => clock.nowMs })
  const lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = []
  const reload = new SettingsReload({
    loaded,
    log: (level, message, fields) => lines.push({ level, message, fields }),
    prepare: async ({ settings: { keys } }) => {
      during()
      await change.check(keys)
      return { commit: () => keyRings.replace(keys), needRestart: [] }
    },
  })
  const ids = () => keyRings.encryption.keys.map(({ id }) => id)
  // The second check finds the files unchanged since the first one, and reads them.
  const polled = async () => {
    await reload.poll()
    await reload.poll()
  }
  return { reload, keyRings, ids, polled, lines, clock }
}

test('a key that is added to a key folder is used without a signal to the process, and the first key remains the writing key', async () => {
  put('k1')
  settingsOf()
  const { keyRings, ids, polled, lines } = start()
  put('k2')
  await polled()

  expect(ids()).toEqual(['k1', 'k2'])
  expect(keyRings.encryption.writer?.id).toBe('k1')
  expect(lines).toEqual([
    { level: 'info', message: 'keys reloaded', fields: { keys: ['encryption/k1', 'encryption/k2'] } },
  ])
})

test('a key that is added to a key folder while the process reads the folder is used by the next reload', async () => {
  put('k1')
  settingsOf()
  let isFirst = true
  const { ids, polled } = start(() => {
    if (isFirst) put('k3')
    isFirst = false
  })
  put('k2')
  await polled()
  expect(ids()).toEqual(['k1', 'k2'])
  await polled()
  expect(ids()).toEqual(['k1', 'k2', 'k3'])
})

test('a variable whose last reference the policy has lost since the start rejects no reload, because a running process cannot remove it', async () => {
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, 'issuers: { main: { introspection: { client_secret: { env: GATEHOUSE_IDP_SECRET } } } }')
  put('k1')
  settingsOf()
  const { reload, ids, polled } = start(undefined, { GATEHOUSE_IDP_SECRET: 'x' })
  writeFileSync(policy, 'issuers: {}')
  put('k2')

  await polled()
  expect(ids()).toEqual(['k1', 'k2'])
  expect(await reload.reload()).toBe(true)
})

test('a reload that removes the writing key is rejected without any change, and the log names the key', async () => {
  put('k1')
  settingsOf()
  const { ids, polled, lines } = start()
  remove('k1')
  put('k2')
  await polled()
  await polled()

  expect(ids()).toEqual(['k1'])
  expect(lines).toEqual([
    {
      level: 'error',
      message: 'keys rejected; the keys in force stay active',
      fields: {
        problems: [
          expect.objectContaining({
            code: 'GH_CONFIG_KEY_MISSING',
            path: 'keys.encryption',
            message: 'key `k1` of keys.encryption is missing, but it is still in use: this process encrypts with it',
            hint: 'restore the key',
          }),
        ],
      },
    },
  ])
})

test('a reload can remove a key that is no longer the writing key once the data written with that key have expired', async () => {
  put('k1')
  put('k2')
  settingsOf()
  const { keyRings, ids, reload, lines, clock } = start()
  keyRings.encryption.appoint('k2')
  remove('k1')

  expect(await reload.reload()).toBe(false)
  expect(ids()).toEqual(['k1', 'k2'])
  expect(JSON.stringify(lines)).toMatch(/key `k1` of keys.encryption is missing, .*: it is needed until 2/)

  clock.nowMs += 61 * 60_000
  expect(await reload.reload()).toBe(true)
  expect(ids()).toEqual(['k2'])
})

test('a reload with a new value for the id of a key in use is rejected', async () => {
  put('k1')
  settingsOf()
  const { keyRings, polled, lines } = start()
  const before = keyRings.encryption.keys
  put('k1')
  await polled()

  expect(keyRings.encryption.keys).toBe(before)
  expect(JSON.stringify(lines)).toContain(
    'key `k1` of keys.encryption has another value, but the old value is still in use',
  )
})

test('a reload applies keys and secrets, and names changed settings that need a restart', async () => {
  put('k1')
  settingsOf()
  const { ids, reload, lines } = start()
  put('k2')
  settingsOf({ request: { head_max: '32KiB' }, node: { id: 'n2' }, log: { level: 'debug' } })

  expect(await reload.reload()).toBe(true)
  expect(ids()).toEqual(['k1', 'k2'])
  expect(lines.at(-1)).toEqual({
    level: 'warn',
    message: 'some changed settings take effect only after a restart',
    fields: { settings: ['request.head_max', 'node.id', 'log.level'] },
  })
})

test('a reload of an invalid settings file changes nothing, and the log states every problem', async () => {
  put('k1')
  settingsOf()
  const { ids, reload, lines } = start()
  put('k2')
  settingsOf({ nod: { id: 'n2' } })

  expect(await reload.reload()).toBe(false)
  expect(ids()).toEqual(['k1'])
  expect(lines).toMatchObject([
    {
      level: 'error',
      message: 'settings rejected; the settings in force stay active',
      fields: { problems: [{ path: 'nod' }] },
    },
  ])
})

test('a reload can move keys from a list in the settings to a key folder', async () => {
  put('k1')
  settingsOf({ keys: { encryption: [{ id: 'k1', secret: { file: 'keys/k1' } }] } })
  const { ids, reload, polled, lines } = start()
  put('k2')
  settingsOf()
  expect(await reload.reload()).toBe(true)
  expect(lines[0]?.fields['changed']).toEqual(['keys.encryption'])
  put('k3')
  await polled()

  expect(ids()).toEqual(['k1', 'k2', 'k3'])
})
