import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer, request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { Provider } from 'oidc-provider'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { signingKey } from './signing-key.ts'

/** Client that gets certificate-bound tokens. It is also the one that introspects. */
export const boundClient = { id: 'workload', secret: 'workload-secret-for-tests-only' } as const
const opaqueResource = `${testAudience}/opaque`

/** A real authorization server (oidc-provider) that binds tokens to the client certificate of the request (RFC 8705). */
export interface BoundTokenProvider {
  /** The issuer identifier. Metadata, keys and introspection are served without TLS. */
  readonly url: string
  /** Requests an access token by the client credentials grant over mutual TLS. */
  token(client: { readonly cert: string; readonly key: string }, form: 'jwt' | 'opaque'): Promise<string>
}

/** Starts the provider. It stops after the last test of the file. */
export async function startBoundTokenProvider(server: {
  readonly cert: string
  readonly key: string
}): Promise<BoundTokenProvider> {
  const plain = createServer()
  const tls = createTlsServer({ ...server, requestCert: true, rejectUnauthorized: false })
  const [port, tlsPort] = [await listen(plain), await listen(tls)]
  const url = `http://127.0.0.1:${port}`
  const callback = new Provider(url, configuration()).callback()
  for (const each of [plain, tls]) {
    each.on('request', callback)
    atEnd(async () => {
      const closed = new Promise((done) => each.close(done))
      each.closeAllConnections()
      await closed
    })
  }
  return {
    url,
    async token(client, form) {
      const resource = form === 'jwt' ? testAudience : opaqueResource
      const body = new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'orders:read' })
      const reply = JSON.parse(await post(tlsPort, client, body.toString())) as { access_token?: string }
      if (reply.access_token === undefined) throw new Error(`no token: ${JSON.stringify(reply)}`)
      return reply.access_token
    },
  }
}

function post(port: number, client: { readonly cert: string; readonly key: string }, form: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Basic ${btoa(`${boundClient.id}:${boundClient.secret}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
    }
    const options = { host: '127.0.0.1', port, path: '/token', method: 'POST', headers, rejectUnauthorized: false }
    request({ ...options, ...client }, (reply) => resolve(text(reply)))
      .on('error', reject)
      .end(form)
  })
}

function configuration(): object {
  return {
    jwks: { keys: [signingKey('ES256').privateJwk] },
    clients: [
      {
        client_id: boundClient.id,
        client_secret: boundClient.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'orders:read',
        id_token_signed_response_alg: 'ES256',
        tls_client_certificate_bound_access_tokens: true,
      },
    ],
    clientAuthMethods: ['client_secret_basic'],
    scopes: ['orders:read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: ({ req }: { readonly req: IncomingMessage }) =>
          (req.socket as TLSSocket).getPeerX509Certificate?.()?.toString(),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, audience: string) => ({
          audience: testAudience,
          scope: 'orders:read',
          accessTokenTTL: 300,
          accessTokenFormat: audience === opaqueResource ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 300 },
  }
}
