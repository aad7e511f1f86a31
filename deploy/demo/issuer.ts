// Process of the demo's authorization server: `issuer.ts OFFSET [GATE_URL ISSUER_URL]`. Without URLs, the server
// listens on 127.0.0.1 only, else on every address. It logs each token request to stdout, without the token.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { tokenLifeS } from './accounts.ts'
import { issuerConfiguration } from './issuer-config.ts'
import { logTokens } from './issuer-log.ts'
import { IssuerStore } from './issuer-store.ts'
import { handleLogin, sendPage } from './login.ts'
import { errorPage, welcomePage } from './login-pages.ts'
import { issuerUrl, portsAt } from './ports.ts'
import { Provider } from './provider-package.ts'
import { SigningKeys } from './signing-keys.ts'

const [, , offset, gate, issuer] = process.argv
const urls = gate === undefined || issuer === undefined ? undefined : { gate, issuer }
const ports = { ...portsAt(Number(offset)), ...(urls && { urls }) }
const store = new IssuerStore()
const keys = new SigningKeys(tokenLifeS * 1000)
let current = provide()

/**
 * Creates an instance of oidc-provider. An instance cannot change its keys, so a key rotation creates a new instance
 * with the same store.
 */
function provide(): { provider: Provider; listener: RequestListener } {
  const provider = new Provider(issuerUrl(ports), issuerConfiguration(ports, keys, store))
  logTokens(provider)
  return { provider, listener: provider.callback() }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/') return sendPage(response, welcomePage())
  if (pathname.startsWith('/login/') && !response.headersSent) return handleLogin(current.provider, request, response)
  if (pathname === '/demo/rotate-keys') return rotateKeys(request, response)
  current.listener(request, response)
}

/**
 * Rotates the signing keys immediately. This endpoint exists only in the demo. Requests with an `Origin` field are
 * refused, because web pages must not rotate keys.
 */
function rotateKeys(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'POST' || request.headers.origin !== undefined) {
    response.writeHead(request.method === 'POST' ? 403 : 405, { Allow: 'POST' }).end()
    return
  }
  keys.rotate()
  current = provide()
  response.writeHead(204).end()
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!response.headersSent) sendPage(response, errorPage('invalid_request', error.message), 400)
    else response.destroy()
  })
})
server.listen(ports.issuer, urls === undefined ? '127.0.0.1' : undefined)

setInterval(() => {
  store.sweep()
  if (keys.expire()) current = provide()
}, 5000).unref()

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
