import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { atEnd } from './cleanup.ts'
import { loginClient } from './login-provider.ts'
import { listen } from './ports.ts'
import { compactJws, signingKey } from './signing-key.ts'

interface Granted {
  readonly redirectUri: string
  readonly nonce: string
  readonly challenge: string
}

/** An authorization server over HTTP. Its browsers are logged in, each as the person that its cookie `person` names. */
export interface EndpointIssuer {
  readonly url: string
  /** Codes that came to its token endpoint. */
  readonly codes: string[]
}

/**
 * An issuer that does all that RFC 6749, 7636 and OpenID Connect Core ask of it, and not RFC 9207: registered redirect URIs
 * are compared byte for byte, a code counts once, for its redirect URI, verifier and client secret.
 */
export async function startHonestIssuer(redirectUris: readonly string[]): Promise<EndpointIssuer> {
  const key = signingKey('ES256')
  const granted = new Map<string, Granted & { readonly person: string }>()
  return startIssuer(key.publicJwk, {
    auth(query, request) {
      const redirectUri = query.get('redirect_uri') ?? ''
      if (query.get('client_id') !== loginClient.id || !redirectUris.includes(redirectUri)) return undefined
      const person = /person=([a-z]+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'mallory'
      const code = randomUUID()
      const [nonce, challenge] = [query.get('nonce') ?? '', query.get('code_challenge') ?? '']
      granted.set(code, { redirectUri, nonce, challenge, person })
      return `${redirectUri}?${new URLSearchParams({ code, state: query.get('state') ?? '' })}`
    },
    token(form, request, url) {
      const grant = granted.get(form.get('code') ?? '')
      granted.delete(form.get('code') ?? '')
      const basic = Buffer.from(`${loginClient.id}:${loginClient.secret}`).toString('base64')
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      const good =
        grant?.redirectUri === form.get('redirect_uri') &&
        grant?.challenge === challenge &&
        request.headers.authorization === `Basic ${basic}`
      if (!good) return undefined
      const nowS = Math.floor(Date.now() / 1000)
      const { person, nonce } = grant
      const claims = { iss: url, aud: loginClient.id, sub: person, iat: nowS, exp: nowS + 300, auth_time: nowS, nonce }
      return compactJws({ alg: key.alg, kid: key.kid }, claims, key)
    },
  })
}

/**
 * An issuer that sends browsers on to another one, with what that one is to be told instead, and keeps the codes that come
 * to it (RFC 9700 §4.4.1).
 *
 * @param onward  makes of what the gate asked for where the browser goes
 */
export function startMaliciousIssuer(onward: (asked: URLSearchParams) => string): Promise<EndpointIssuer> {
  return startIssuer(signingKey('ES256').publicJwk, { auth: onward, token: () => undefined })
}

interface Behaviour {
  /** @returns where the browser goes; `undefined`: an error page */
  auth(query: URLSearchParams, request: IncomingMessage): string | undefined
  /** @returns the ID token; `undefined`: `invalid_grant` */
  token(form: URLSearchParams, request: IncomingMessage, url: string): string | undefined
}

async function startIssuer(jwk: object, behaviour: Behaviour): Promise<EndpointIssuer> {
  const server = createServer((request, response) => void reply(request, response))
  const url = `http://127.0.0.1:${await listen(server)}`
  const codes: string[] = []
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const json = (status: number, document: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document))
    }
    if (pathname === '/.well-known/openid-configuration') return json(200, metadata(url))
    if (pathname === '/keys') return json(200, { keys: [jwk] })
    if (pathname === '/auth') {
      const location = behaviour.auth(searchParams, request)
      if (location === undefined) response.writeHead(400).end('not registered')
      else response.writeHead(303, { location }).end()
      return
    }
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const form = new URLSearchParams(text)
    codes.push(form.get('code') ?? '')
    const idToken = behaviour.token(form, request, url)
    if (idToken === undefined) return json(400, { error: 'invalid_grant' })
    json(200, { access_token: randomUUID(), token_type: 'Bearer', expires_in: 300, id_token: idToken })
  }
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return { url, codes }
}

function metadata(url: string): object {
  return {
    issuer: url,
    authorization_endpoint: `${url}/auth`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
  }
}
