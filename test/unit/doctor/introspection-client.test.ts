import { expect, test } from 'vitest'
import { clientSecrets } from '../../../gateway/doctor/checks/client-secrets.ts'
import { type Script, startIntrospectionIssuer } from '../../kit/introspection-issuer.ts'
import { testAudience } from '../../kit/issuer.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` checks the client for introspection at the introspection endpoint.

const issuer = await startIntrospectionIssuer()
const json = 'application/json'
const introspection = { client_id: 'gatehouse', client_secret: { env: 'SECRET' } }
const route = { id: 'all', match: { path: '/**' }, require: { scopes: { all: ['orders:read'] } } }
const policy = {
  version: 1,
  issuers: { main: { issuer: issuer.url, audience: [testAudience], tokens: 'opaque', introspection } },
  services: { orders: { upstreams: ['http://127.0.0.1:9'], routes: [route] } },
}

async function examined(script?: Script) {
  issuer.asked.length = 0
  issuer.script = () => script
  const settings = {
    redis: { url: 'redis://127.0.0.1:9' },
    keys: { encryption: [{ id: 'e', secret: { env: 'KEY' } }] },
  }
  const env = { SECRET: 'secret-for-introspection', KEY: 'A'.repeat(43) }
  return findingsOf({ checks: [clientSecrets], settings, policy, env })
}

const refused = { status: 401, type: json, body: '{"error":"invalid_client"}' }
const unreadable = { status: 400, type: json, body: '{"error":"invalid_request"}' }

test.each([
  ['answers', undefined, 'ok', /^client gatehouse is authenticated/],
  ['refuses the client', refused, 'failed', /refuses client gatehouse: .*status 401, invalid_client/],
  ['replies invalid_request', unreadable, 'unknown', /status 400, invalid_request; the reply does not say/],
  ['replies with HTML', { type: 'text/html', body: '<html>' }, 'failed', /not application\/json/],
  ['closes the connection', { reset: true }, 'failed', /introspection at issuer main failed/],
] as const)(
  '`gatehouse doctor` reports an introspection client as $2 when the issuer %s',
  async (_, script, result, detail) => {
    const findings = await examined(script)

    expect(findings).toMatchObject([{ check: 'client-secret', subject: 'issuers.main.introspection', result }])
    expect(findings[0]!.detail).toMatch(detail)
    expect(findings[0]!.remedy === null).toBe(result === 'ok')
    expect(issuer.asked.every(({ token }) => token === 'gatehouse-doctor')).toBe(true)
    expect(JSON.stringify(findings)).not.toContain('secret-for-introspection')
  },
)
