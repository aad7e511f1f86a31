import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Claims, readJwt } from './jwt.ts'
import { appPage } from './login-pages.ts'
import { sendBytes } from './send-bytes.ts'
import { type Commands, commandsOf } from './service-commands.ts'
import { echoFrames, opensEcho } from './websocket-echo.ts'

/** Reply body of a demo service: a description of the received request. */
export interface Echo {
  readonly service: string
  readonly method: string
  readonly url: string
  /** Header fields in the order and case in which they arrived. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: { readonly bytes: number; readonly sha256: string }
  /** Claims of the gate's assertion about the caller; absent when the request has no assertion. */
  readonly assertion?: Claims
}

const bytesPath = /^\/files\/bytes\/(\d{1,15})$/

/**
 * Demo service that replies with a description of the received request. Commands in the query change the reply
 * (`delay`, `status`, `bytes`, `abort_after`). The service checks no tokens, because the gate has already admitted
 * every request.
 *
 * `/app/` is an HTML page for browsers. `GET /stream/ws` opens a WebSocket that sends back each message. `GET /stream/events` sends an event per second until
 * the client disconnects.
 */
export function demoService(name: string): Server {
  // The service closes idle connections later than a gate does, so the gate never writes to a connection that the
  // service is closing.
  const server = createServer({ keepAliveTimeout: 120_000, shouldUpgradeCallback: opensEcho }, (request, response) => {
    // This listener is needed: without it, the error of a client that disconnects would end the process.
    response.on('error', () => {})
    answer(name, request, response).catch(() => response.destroy())
  })
  server.on('upgrade', echoFrames)
  return server
}

/** Converts header fields from the form of node:http (one flat list of names and values) to pairs of name and value. */
function fieldsOf(rawHeaders: readonly string[]): Echo['headers'] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []))
}

async function answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', rawHeaders } = request
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const commands = commandsOf(searchParams)
  if (typeof commands === 'string') return sendJson(response, request, 400, { error: commands })
  const body = await digest(request)
  if (commands.delayMs > 0) await sleep(commands.delayMs)
  if (pathname === '/stream/events') return sendTicks(response)
  if (url === '/app/' && request.headers.accept?.startsWith('text/html')) return sendApp(response, request)

  const named = bytesPath.exec(pathname)?.[1]
  const bytes = commands.bytes ?? (named === undefined ? undefined : Number(named))
  if (bytes !== undefined) return sendBytes(response, request, { ...commands, bytes })
  const assertion = assertionOf(request)
  const echo: Echo = {
    service: name,
    method,
    url,
    headers: fieldsOf(rawHeaders),
    body,
    ...(assertion && { assertion }),
  }
  sendJson(response, request, commands.status, echo, commands)
}

/**
 * Returns the claims of the gate's assertion; `undefined` when the request has no assertion, or a text that is no
 * assertion.
 */
function assertionOf({ headers }: IncomingMessage): Claims | undefined {
  const assertion = headers['x-gatehouse-jwt-assertion']
  try {
    return typeof assertion === 'string' ? readJwt(assertion).claims : undefined
  } catch {
    return undefined
  }
}

/** Reads a request body without storing it, and returns its size and SHA-256. */
async function digest(request: IncomingMessage): Promise<Echo['body']> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    hash.update(chunk)
  }
  return { bytes, sha256: hash.digest('hex') }
}

function sendJson(
  response: ServerResponse,
  request: IncomingMessage,
  status: number,
  document: unknown,
  commands?: Commands,
): void {
  const text = Buffer.from(`${prettyJson(document)}\n`)
  // Replies with status 204 or 304 have no content (RFC 9110 §15.3.5, §15.4.5). A 304 reply is allowed to have the
  // Content-Length of the 200 reply.
  if (status === 204) return void response.writeHead(204).end()
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length })
  if (status === 304 || request.method === 'HEAD') return void response.end()
  if (commands?.abortAfter === undefined) return void response.end(text)
  response.write(text.subarray(0, commands.abortAfter), () => response.destroy())
}

/** Formats a document as indented JSON, with each pair of a field name and a value on one line. */
function prettyJson(document: unknown): string {
  return JSON.stringify(document, null, 2).replace(/\[\s+("(?:[^"\\]|\\.)*"),\s+("(?:[^"\\]|\\.)*")\s+\]/g, '[$1, $2]')
}

/** Sends the page of the demo's app. A reply to HEAD has no content (node:http). */
function sendApp(response: ServerResponse, request: IncomingMessage): void {
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(appPage(assertionOf(request) ?? {}))
}

/** Sends server-sent events: the first event immediately, then one event per second until the client disconnects. */
function sendTicks(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  let count = 0
  const tick = () => response.write(`id: ${count}\nevent: tick\ndata: {"count":${count++}}\n\n`)
  tick()
  const timer = setInterval(tick, 1000)
  response.on('close', () => clearInterval(timer))
}
