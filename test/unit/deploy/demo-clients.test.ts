import { expect, test } from 'vitest'
import { redirectUris } from '../../../deploy/demo/accounts.ts'
import { loopback, portsAt } from '../../../deploy/demo/ports.ts'
import { callbackPaths } from '../../../gateway/policy/issuers/callback-paths.ts'

test('the demo issuer accepts every redirect URI of the gate in the demo', () => {
  const ports = portsAt(0)

  expect(redirectUris(ports)).toEqual(expect.arrayContaining(callbackPaths.map((path) => loopback(ports.gate) + path)))
})
