// CWE-918: the metadata of an issuer that is not on loopback name plain http endpoints on loopback. The gate sends
// nothing to these endpoints. The issuer is a real HTTPS server; the gate resolves the name idp.example to this
// machine.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { beforeAll, expect, test } from 'vitest'
import type { NameLookup } from '../../../gateway/base/guarded-lookup.ts'
import { Introspector } from '../../../gateway/issuers/introspector.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { LoginClient, newLoginSecrets } from '../../../gateway/issuers/login-client.ts'
import { rechecks } from '../../../gateway/issuers/question-queue.ts'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'
import { certificateFor } from '../../kit/certificate.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { publicClient } from './public-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-metadata-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const toThisMachine = ((_name: string, _options: object, callback: (error: null, found: object[]) => void) => {
  callback(null, [{ address: '127.0.0.1', family: 4 }])
}) as unknown as NameLookup

/** Paths of the requests that reached a server on loopback; none is expected. */
const reached: string[] = []
const internal = createServer((request, response) => {
  reached.push(request.url!)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ keys: [], active: false, access_token: 'a', token_type: 'Bearer' }))
})
let issuer: string
let loopback: string
let metadata: Record<string, unknown>
const client = new IssuerClient({ lookup: toThisMachine })
const keys = new IssuerKeys({ log: () => {}, lookup: toThisMachine })
atEnd(() => Promise.all([client.close(), keys.close()]))

beforeAll(async () => {
  const { cert, certFile, keyFile } = await certificateFor(folder, 'issuer', ['idp.example'])
  setDefaultCACertificates([...getCACertificates(), cert])
  const server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (_, response) =>
    response.end(JSON.stringify(metadata)),
  )
  issuer = `https://idp.example:${await listen(server)}`
  loopback = `http://127.0.0.1:${await listen(internal)}`
  metadata = {
    issuer,
    jwks_uri: `${loopback}/internal`,
    introspection_endpoint: `${loopback}/internal`,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${loopback}/internal`,
    revocation_endpoint: `${loopback}/internal`,
    pushed_authorization_request_endpoint: `${loopback}/internal`,
  }
  atEnd(async () => {
    for (const each of [server, internal]) {
      each.closeAllConnections()
      await new Promise((closed) => each.close(closed))
    }
  })
})

const caller = { address: 'a', known: false, permit: () => true }
const redirectUri = 'http://gate.test/callback'
const checks = { ...newLoginSecrets(), state: 'a-state', stepUp: { acrValues: undefined, maxAgeS: undefined } }

const rules = (changes: Partial<IssuerRules> = {}) => rulesOf({ issuer, ...changes })

const introspection: NonNullable<IssuerRules['introspection']> = {
  endpoint: undefined,
  clientId: 'gate',
  auth: { method: 'none' },
  response: 'json',
  cacheMs: 1000,
  negativeCacheMs: 1000,
  staleMs: 0,
  keepStaleMs: 0,
  ratePerS: 1000,
  concurrency: 4,
  timeoutMs: 20_000,
}

async function withLogin(run: (login: LoginClient) => Promise<unknown>): Promise<unknown> {
  const login = new LoginClient(rules({ login: publicClient }), {
    client,
    keys,
    secrets: processSecrets(),
    log: () => {},
  })
  return run(login).finally(() => login.close())
}

const calls: Record<string, () => Promise<unknown>> = {
  jwks_uri: async () => {
    const set = keys.keySetOf(rules())
    await set.refetch()
    throw new Error(set.status().error)
  },
  introspection_endpoint: () => {
    const asking = new Introspector(rules({ introspection }), {
      client,
      keys,
      secrets: processSecrets(),
      log: () => {},
    })
    return asking.ask('a-token', rechecks).finally(() => asking.close())
  },
  'token_endpoint (a code)': () =>
    withLogin((login) => login.finish(new URL(`${redirectUri}?code=c&state=a-state`), checks, caller)),
  'token_endpoint (a refresh)': () => withLogin((login) => login.refresh('a-refresh-token')),
  pushed_authorization_request_endpoint: () => withLogin((login) => login.begin(redirectUri, checks, caller)),
  revocation_endpoint: () => withLogin((login) => login.revoke('a-token', 'access_token')),
}

test.each(Object.keys(calls))(
  'if the metadata of an issuer that is not on loopback names the %s on a loopback address, the gate does not call it',
  async (name) => {
    await expect(calls[name]!()).rejects.toThrow(/http to a loopback address is accepted only if/)
    expect(reached).toEqual([])
  },
)
