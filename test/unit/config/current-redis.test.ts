// The settings of Redis follow the files of their secrets and certificates, and the user name of a reload.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { currentRedis } from '../../../gateway/config/current-redis.ts'
import { Secrets } from '../../../gateway/config/secrets.ts'
import { readSettings } from '../../../gateway/config/settings.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-current-redis-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const authority = await CertificateAuthority.create('redis')
const [one, two] = await Promise.all(
  [1, 2].map((day) => authority.issue({ names: ['gate'], until: new Date(`2040-01-0${day}`) })),
)

function put(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 })
  renameSync(join(folder, `${name}.new`), join(folder, name))
}

/** Reads settings with this user name, as at a start or a reload. */
function read(username: string, password = 'password') {
  put(
    'gatehouse.yaml',
    `policy: { path: policy.yaml }
redis:
  sentinel: { hosts: [127.0.0.1:26379], master: main, username: ${username}, password: { file: sentinel-password } }
  min_replicas_max_lag: 10s
  username: ${username}
  password: { file: ${password} }
  tls: { ca: ca.pem, cert: cert.pem, key: { file: key.pem } }
`,
  )
  return readSettings({ path: join(folder, 'gatehouse.yaml'), env: {}, flags: {} })
}

test('new connections to Redis use the changed files of passwords and certificates, and the user of a reload', () => {
  put('password', 'first')
  put('sentinel-password', 'first-sentinel')
  put('ca.pem', authority.cert)
  put('cert.pem', one!.cert)
  put('key.pem', one!.key)
  const loaded = read('gate')
  const secrets = new Secrets({ env: {}, log: () => {} })
  secrets.followSettings(loaded.secrets)
  let inForce = loaded.settings.redis
  const source = currentRedis(loaded.settings.redis!, () => inForce, secrets)
  expect(source.current()).toEqual(loaded.settings.redis)

  put('password', 'second')
  put('sentinel-password', 'second-sentinel')
  put('cert.pem', two!.cert)
  put('key.pem', two!.key)
  source.refresh()
  expect(source.current()).toMatchObject({
    username: 'gate',
    password: 'second',
    place: { username: 'gate', password: 'second-sentinel' },
    tls: { ca: authority.cert.trim(), cert: two!.cert.trim(), key: two!.key.trim() },
  })

  put('moved', 'third')
  const next = read('other', 'moved')
  secrets.followSettings(next.secrets)
  inForce = next.settings.redis
  expect(source.current()).toMatchObject({ username: 'other', password: 'third', place: { username: 'other' } })
})

test('the inventory of secrets lists the secrets and certificate files of Redis, and the list of expiries has their ends', () => {
  const loaded = read('gate')
  const secrets = new Secrets({ env: {}, log: () => {} })
  secrets.followSettings(loaded.secrets)

  expect(secrets.list().map(({ name, used_by }) => [name, used_by])).toEqual(
    ['password', 'sentinel.password', 'tls.ca', 'tls.cert', 'tls.key'].map((key) => [
      `redis.${key}`,
      'connections to Redis',
    ]),
  )
  expect([...secrets.expiries()].map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    'client-certificate redis.tls.cert',
    'upstream-ca redis.tls.ca CN=redis',
  ])
})

test('a private key of redis.tls that does not belong to the certificate is an error at the start', () => {
  put('key.pem', one!.key)

  expect(() => read('gate')).toThrow(/redis\.tls\.key.*does not match .*cert\.pem/)
})
