// Faults of a login client whose token endpoint accepts no connection.

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient } from '../../../gateway/issuers/login-client.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

test('when the token endpoint is unreachable, the error of a session refresh contains the network error', async () => {
  const closed = `http://127.0.0.1:${freePort()}`
  const server = createServer((_, response) => {
    const metadata = { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${closed}/token` }
    response.end(JSON.stringify(metadata))
  })
  const issuer = `http://127.0.0.1:${await listen(server)}`
  const keys = new IssuerKeys({ log: () => {} })
  const client = new LoginClient(rulesOf({ issuer, login: publicClient }), {
    client: new IssuerClient(),
    keys,
    secrets: processSecrets(),
    log: () => {},
  })
  atEnd(async () => {
    await client.close()
    server.close()
  })

  await expect(client.refresh('a-refresh-token')).rejects.toMatchObject({
    reason: 'issuer-unreachable',
    message: expect.stringMatching(/: session tokens cannot be refreshed: connect ECONNREFUSED /),
  })
})
