import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settingsExpiries } from '../../../gateway/config/settings-expiries.ts'
import { atEnd } from '../../kit/cleanup.ts'

// Expiry dates of secrets and keys in the settings: from `expires`, or from the age of a key file (`keys.max_age`).

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-key-ages-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const dayMs = 24 * 60 * 60 * 1000
const changedAt = new Date('2030-01-01T00:00:00Z')
const file = join(folder, 'key')
writeFileSync(file, 'a key', { mode: 0o600 })
utimesSync(file, changedAt, changedAt)

const keySources = [
  { kind: 'encryption', id: 'aged', source: `file ${file}` },
  { kind: 'encryption', id: 'stated', source: `file ${file}` },
  { kind: 'assertion', id: 'variable', source: 'env ASSERTION_KEY' },
  { kind: 'audit', id: 'absent', source: `file ${join(folder, 'absent')}` },
] as const
const stated = { kind: 'key', name: 'keys.encryption.stated', expiresAtMs: changedAt.getTime() } as const
const expiries = (maxAgeMs: number | undefined) =>
  settingsExpiries({ settings: { secretExpiries: [stated], keys: { maxAgeMs } }, keySources })

test('without keys.max_age, the list of expiries has only secrets and keys with `expires`', () => {
  expect(expiries(undefined)).toEqual([stated])
})

test('with keys.max_age, a key file without `expires` expires at that age, and a key without a readable file is not listed', () => {
  expect(expiries(90 * dayMs)).toEqual([
    stated,
    { kind: 'key', name: 'keys.encryption.aged', expiresAtMs: changedAt.getTime() + 90 * dayMs },
  ])
})
