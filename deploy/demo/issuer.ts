// The demo's authorization server, one process: `issuer.ts OFFSET [GATE_URL ISSUER_URL]`. With URLs it listens on every
// address. It logs each token on stdout, never its value.

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

/** Creates a provider. The keys of a provider cannot change, so a rotation creates a new provider with the same store. */
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

/** Rotates the signing keys at once; only for the demo. Requests of browser pages are refused, because they have an Origin. */
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
