import { expect, test } from 'vitest'
import { redirectUris } from '../../../deploy/demo/accounts.ts'
import { loopback, portsAt } from '../../../deploy/demo/ports.ts'
import { callbackPaths } from '../../../gateway/policy/issuers/callback-paths.ts'

test('the issuer of the demo sends browsers back to every path at which the gate takes them', () => {
  const ports = portsAt(0)

  expect(redirectUris(ports)).toEqual(expect.arrayContaining(callbackPaths.map((path) => loopback(ports.gate) + path)))
})
