// The settings and policies that docker-compose.yml passes to nodes and workers are valid, so that its containers start.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { loadPolicy } from '../../../gateway/policy/policy-source.ts'
import { runVerb } from '../../kit/run-verb.ts'

const checkout = resolve(import.meta.dirname, '../../..')
const configuration = join(checkout, 'deploy/compose/gatehouse')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-compose-'))
const compose: { services: Record<string, Service> } = parse(
  readFileSync(join(checkout, 'docker-compose.yml'), 'utf8'),
  // The Compose services share parts by more YAML aliases than the default limit of the reader.
  { merge: true, maxAliasCount: -1 },
)

interface Service {
  readonly image: string
  readonly volumes?: readonly string[]
}

/** Creates keys and secrets like those that the Compose container `keys` creates. */
beforeAll(async () => {
  mkdirSync(join(folder, 'keys'))
  const make = async (kind: string) => (await runVerb(['keys', 'generate', kind], {})).stdout
  const keys = {
    'assertion.jwk': 'assertion',
    'encryption-key': 'encryption',
    'policy-key': 'policy',
    'audit.key': 'audit',
    'admin-token': 'encryption',
  }
  for (const [name, kind] of Object.entries(keys))
    writeFileSync(join(folder, 'keys', name), await make(kind), { mode: 0o600 })
  writeFileSync(join(folder, 'keys/introspection-secret'), 'gatehouse-secret', { mode: 0o600 })
  for (const name of readdirSync(configuration)) {
    const text = readFileSync(join(configuration, name), 'utf8')
    writeFileSync(join(folder, name), text.replaceAll('/keys/', `${folder}/keys/`))
  }
})

afterAll(() => rmSync(folder, { recursive: true }))

test.each(['gatehouse.yaml', 'gatehouse.cluster.yaml'])(
  'the node settings file %s of Docker Compose is valid',
  (name) => {
    const settings = loadSettings({ path: join(folder, name), env: {}, flags: {} })

    expect(settings.warnings).toEqual([])
    expect(settings.keys.audit.map(({ id }) => id)).toEqual(['k1'])
    expect(settings.sinks.map(({ name }) => name)).toEqual(['archive'])
    expect([settings.proxyProtocol, settings.listenH2?.port]).toEqual(['off', 8081])
    expect(settings.policy).toEqual({
      source: 'cluster',
      seed: join(folder, 'policy.yaml'),
      copy: '/var/lib/gatehouse/policy-copy',
      owners: {},
    })
  },
)

test.each(['policy.yaml', 'policy.keycloak.yaml'])('the policy file %s of Docker Compose is valid', (name) => {
  expect(compilePolicy(loadPolicy(join(folder, name))).issuers.size).toBe(1)
})

test('nodes and workers of Docker Compose have a volume for the copy of the policy', () => {
  for (const name of ['gateway', 'worker']) expect(compose.services[name]?.volumes).toContain('/var/lib/gatehouse')
})

test('every file that a container in docker-compose.yml mounts exists', () => {
  const given = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes)
  const files = given.map((volume) => volume.split(':')[0]!).filter((path) => path.startsWith('./'))

  expect(files.length).toBeGreaterThan(10)
  for (const file of files) expect(readdirSync(join(checkout, file, '..'))).toContain(file.split('/').at(-1))
})

test('every third-party image in docker-compose.yml is pinned to a version', () => {
  const images = Object.values(compose.services).map(({ image }) => image)
  const others = images.filter((image) => !image.startsWith('gatehouse'))

  expect(others.length).toBeGreaterThan(5)
  expect(others.filter((image) => !/:v?\d/.test(image))).toEqual([])
})
