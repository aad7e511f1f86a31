import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkNextStart } from '../../../gateway/check-start.ts'
import { readSettings } from '../../../gateway/config/settings.ts'
import { CompiledPolicies } from '../../../gateway/policy/compiled-policies.ts'
import { PolicyFile } from '../../../gateway/policy/policy-file.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { NodeFolder } from '../../kit/node-folder.ts'
import { testPolicy } from '../../kit/policy.ts'

// Any caller with the scope gatehouse:read may repeat `gatehouse doctor`. The node must not compile its policy each time,
// because it handles no request while it compiles.

const folder = new NodeFolder()
atEnd(() => folder.remove())
const path = folder.file('policy.yaml')
const policy = testPolicy({ issuer: 'https://login.example', orders: 'http://127.0.0.1:9' })
const write = (more: object = {}) => folder.writePolicy({ ...policy, ...more })

test('policy files whose revision is that of the policy in force are not compiled again', () => {
  write()
  const inForce = new PolicyFile(path).load()

  expect(new CompiledPolicies().at(path, [], inForce)).toBe(inForce)
})

test('changed policy files are compiled once, and again after the next change', () => {
  write()
  const [policies, inForce] = [new CompiledPolicies(), new PolicyFile(path).load()]
  const revision = write({ on_outage: { limits: 'open' } })
  const changed = policies.at(path, [], inForce)

  expect(changed.revision).toBe(revision)
  expect(policies.at(path, [], inForce)).toBe(changed)
  write()
  expect(policies.at(path, [], undefined)).not.toBe(changed)
})

test('invalid policy files are compiled once, and each check of these files throws the same problems', () => {
  write({ services: { orders: { upstreams: ['http://127.0.0.1:9'], routes: [] }, reports: {} } })
  const policies = new CompiledPolicies()
  const errors = [1, 2].map(() => {
    try {
      return policies.at(path, [], undefined)
    } catch (error) {
      return error
    }
  })

  expect(String(errors[0])).toContain('services.reports')
  expect(errors[1]).toBe(errors[0])
})

test('a missing file that the policy in force names is a problem at its path in the policy, although the policy is not compiled', async () => {
  const secret = folder.file('client-secret')
  writeFileSync(secret, 'secret-of-the-client-0123456789', { mode: 0o600 })
  const introspection = { client_id: 'gate', client_secret: { file: secret } }
  const main = { tokens: 'opaque', introspection }
  folder.writePolicy(testPolicy({ issuer: 'https://login.example', orders: 'http://127.0.0.1:9', main }))
  const env = { TEST_KEY: Buffer.alloc(32, 7).toString('base64url') }
  folder.writeSettings({
    redis: { url: 'redis://127.0.0.1:9' },
    keys: {
      assertion: [{ id: 'test-1', secret: { file: folder.file('assertion.jwk') } }],
      encryption: [{ id: 'seal', secret: { env: 'TEST_KEY' } }],
    },
  })
  const loaded = readSettings({ path: folder.file('gatehouse.yaml'), env, flags: {} })
  const inForce = new PolicyFile(path).load()
  const check = () => checkNextStart(loaded, (...of) => new CompiledPolicies().at(...of, inForce))

  expect(await check()).toEqual([])
  rmSync(secret)
  expect(await check()).toMatchObject([{ file: path, path: expect.stringContaining('issuers.main.introspection') }])
})
