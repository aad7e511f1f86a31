// docs/guide/mcp.md: a real MCP client (@modelcontextprotocol/sdk) calls a real MCP server behind a
// node. It finds the issuer by the 401 and the protected resource metadata (RFC 9728), and registers there.

import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { documented } from '../kit/documented.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { knownMcpClient, mcpScopes, startMcpProvider } from '../kit/mcp-provider.ts'
import { startMcpService } from '../kit/mcp-service.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'

const [requiredScope, lesserScope] = mcpScopes
const redirectUrl = 'http://127.0.0.1:9/callback'

/** URL of the MCP endpoint at the gate. */
let url: string

beforeAll(async () => {
  const port = freePort()
  const origin = `http://127.0.0.1:${port}`
  url = `${origin}/mcp`
  const keys = createRemoteJWKSet(new URL(`${origin}/.well-known/gatehouse/jwks.json`))
  const service = await startMcpService(async (assertion) => {
    const { payload } = await jwtVerify(assertion, keys, { audience: 'tools', issuer: origin })
    return `${payload.sub}`
  })
  const policy = documented('guide/mcp.md', 'yaml', {
    'https://idp.example': await startMcpProvider(url, redirectUrl),
    'https://mcp.example/mcp': url,
    'http://127.0.0.1:3000': service,
  })
  await startNode({ policy, settings: { listen: `127.0.0.1:${port}`, public_url: origin } })
})

/** OAuth part of an MCP client. Records the URL to which the user would be sent. */
class TestOAuthClient implements OAuthClientProvider {
  readonly redirectUrl = redirectUrl
  readonly clientMetadata = {
    client_name: 'test',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  authorizationUrl: URL | undefined
  registered: OAuthClientInformationMixed | undefined
  #tokens: OAuthTokens | undefined
  #verifier = ''

  clientInformation = () => this.registered
  tokens = () => this.#tokens
  codeVerifier = () => this.#verifier

  saveClientInformation(information: OAuthClientInformationMixed): void {
    this.registered = information
  }
  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }
  redirectToAuthorization(authorizationUrl: URL): void {
    this.authorizationUrl = authorizationUrl
  }
}

function connection(authProvider: TestOAuthClient): StreamableHTTPClientTransport {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider })
  onTestFinished(() => transport.close())
  return transport
}

/** @throws {UnauthorizedError} when the user must log in first */
async function connected(transport: StreamableHTTPClientTransport): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(transport as Transport)
  return client
}

/**
 * Logs alice in at the URL to which the client sent her.
 *
 * @param scope  replaces the scope that the client requests
 * @returns the code of the redirect
 */
async function logIn(oauth: TestOAuthClient, scope?: string): Promise<string> {
  const browser = new HttpBrowser()
  const start = new URL(oauth.authorizationUrl!)
  start.searchParams.set('login_hint', 'alice')
  if (scope !== undefined) start.searchParams.set('scope', scope)
  let at = start.href
  while (!at.startsWith(redirectUrl)) {
    const { field, status, body } = await browser.visit(at, { redirects: 0 })
    const location = field('location')
    if (location === undefined) throw new Error(`no redirect from ${at}: ${status} ${body}`)
    at = new URL(location, at).href
  }
  const code = new URL(at).searchParams.get('code')
  if (code === null) throw new Error(`no code: ${at}`)
  return code
}

test('an MCP client finds the issuer through the 401 of the gate, registers there, gets a token for the MCP server, and calls tools', async () => {
  const oauth = new TestOAuthClient()
  const first = connection(oauth)
  await expect(connected(first)).rejects.toThrow(UnauthorizedError)
  expect(oauth.registered?.client_id).toEqual(expect.any(String))
  expect(Object.fromEntries(oauth.authorizationUrl!.searchParams)).toMatchObject({
    resource: url,
    scope: requiredScope,
  })
  await first.finishAuth(await logIn(oauth))

  const client = await connected(connection(oauth))

  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['add', 'whoami'])
  expect(await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })).toMatchObject({ content: [{ text: '5' }] })
  expect(await client.callTool({ name: 'whoami' })).toMatchObject({ content: [{ text: 'alice' }] })
})

test('an MCP client whose token lacks a scope of the MCP server gets a challenge that names the scope, requests this scope, and calls a tool', async () => {
  const oauth = new TestOAuthClient()
  oauth.registered = { client_id: knownMcpClient }
  const first = connection(oauth)
  await expect(connected(first)).rejects.toThrow(UnauthorizedError)
  await first.finishAuth(await logIn(oauth, lesserScope))
  const lesser = oauth.tokens()!
  expect(lesser.scope).toBe(lesserScope)

  const { status, headers } = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${lesser.access_token}`, 'content-type': 'application/json' },
    body: '{}',
  })
  expect(status).toBe(403)
  expect(headers.get('www-authenticate')).toBe(
    `Bearer error="insufficient_scope", scope="${requiredScope}", resource_metadata="${new URL('/.well-known/oauth-protected-resource/mcp', url)}"`,
  )

  oauth.authorizationUrl = undefined
  const second = connection(oauth)
  await expect(connected(second)).rejects.toThrow(UnauthorizedError)
  expect(oauth.authorizationUrl).toBeInstanceOf(URL)
  await second.finishAuth(await logIn(oauth))
  const client = await connected(connection(oauth))
  expect(await client.callTool({ name: 'add', arguments: { a: 1, b: 1 } })).toMatchObject({ content: [{ text: '2' }] })
})

test('a page of any origin can read the protected resource metadata', async () => {
  const metadata = await fetch(new URL('/.well-known/oauth-protected-resource/mcp', url), {
    headers: { origin: 'https://client.example' },
  })

  expect(metadata.headers.get('access-control-allow-origin')).toBe('*')
  expect(await metadata.json()).toMatchObject({ resource: url, scopes_supported: [requiredScope] })
})
