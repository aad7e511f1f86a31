import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { listen } from './ports.ts'
import { defaultLimitMs } from './wire.ts'

const keptBodyBytes = 1024 * 1024

/**
 * A request as it arrived. Its body fields are filled in as bytes arrive; `over` resolves when the body is complete or
 * the connection is closed.
 */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  /** Header fields in order, with names and values as on the wire. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Number of the connection, counted from 0. */
  readonly connection: number
  bodyBytes: number
  /** SHA-256 of the whole body, hex. Empty until the body has ended. */
  sha256: string
  /** The first MiB of the body. */
  body: Buffer
  /** True when the connection was closed before the end of the request body or before the end of the reply. */
  aborted: boolean
  readonly over: Promise<void>
  /** Returns all values of a header field, in order. */
  all(name: string): string[]
}

/**
 * Called when the request head has arrived. `received` records the body, so the handler must not read the body from
 * `request`.
 */
export type UpstreamHandler = (
  received: ReceivedRequest,
  response: ServerResponse,
  request: IncomingMessage,
) => void | Promise<void>

interface UpstreamOptions {
  readonly port?: number
  readonly handler?: UpstreamHandler
}

/** A protected service on node:http that records all requests. */
export class TestUpstream {
  readonly requests: ReceivedRequest[] = []
  /** Requests that Node's HTTP parser rejected. Tests expect none: the gate must not send an invalid request. */
  readonly malformed: string[] = []
  /** Number of connections that were accepted. */
  connections = 0
  handler: UpstreamHandler
  port: number
  #taken = 0
  #arrived = Promise.withResolvers<void>()
  // The upstream accepts duplicate header fields and large heads, because the gate, and not Node, must refuse them.
  readonly #server = createServer({ maxHeaderSize: 256 * 1024, requestTimeout: 0, keepAliveTimeout: 60_000 })

  constructor({ port = 0, handler = echo }: UpstreamOptions) {
    this.port = port
    this.handler = handler
    const numbers = new WeakMap<object, number>()
    this.#server.on('connection', (socket) => numbers.set(socket, this.connections++))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code?.startsWith('HPE_')) this.malformed.push(`${error.code}: ${error.message}`)
      socket.destroy()
    })
    const take = (request: IncomingMessage, response: ServerResponse) => {
      const received = record(request, response, numbers.get(request.socket) ?? -1)
      this.requests.push(received)
      this.#arrived.resolve()
      this.#arrived = Promise.withResolvers()
      void this.#handle(received, response, request)
    }
    this.#server.on('request', take)
    // The gate must never forward `Expect`. If it does, the request is recorded, and Node does not reply by itself.
    this.#server.on('checkContinue', take)
    this.#server.on('checkExpectation', take)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    this.port = await listen(this.#server, this.port)
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done))
    this.#server.closeAllConnections()
    await closed
  }

  /** Returns the next request that `next` has not returned yet, after the request has ended. */
  async next(limitMs = defaultLimitMs): Promise<ReceivedRequest> {
    const arriving = async () => {
      while (this.requests.length <= this.#taken) await this.#arrived.promise
      const received = this.requests[this.#taken++]!
      await received.over
      return received
    }
    return within(limitMs, `request ${this.#taken} to reach the upstream`, arriving())
  }

  async #handle(received: ReceivedRequest, response: ServerResponse, request: IncomingMessage): Promise<void> {
    try {
      await this.handler(received, response, request)
    } catch (error) {
      response.destroy(error as Error)
    }
  }
}

/** Starts an upstream, which stops after the last test of the file. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<TestUpstream> {
  const upstream = new TestUpstream(options)
  await upstream.start()
  atEnd(() => upstream.stop())
  return upstream
}

/** Replies with a JSON description of the request when the request has ended. */
const echo: UpstreamHandler = async (received, response) => {
  await received.over
  const { method, url, fields, bodyBytes, sha256 } = received
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method, url, headers: fields, body: { bytes: bodyBytes, sha256 } }))
}

function record(request: IncomingMessage, response: ServerResponse, connection: number): ReceivedRequest {
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const fields = pairs(request.rawHeaders)
  const received: ReceivedRequest = {
    method: request.method ?? '',
    url: request.url ?? '',
    fields,
    connection,
    bodyBytes: 0,
    sha256: '',
    body: Buffer.alloc(0),
    aborted: false,
    over,
    all: (name) => fields.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value),
  }
  const settle = () => {
    if (received.sha256 === '') received.sha256 = hash.digest('hex')
    received.body = Buffer.concat(kept)
    resolve()
  }
  request.on('data', (chunk: Buffer) => {
    if (received.bodyBytes < keptBodyBytes) kept.push(chunk.subarray(0, keptBodyBytes - received.bodyBytes))
    received.bodyBytes += chunk.length
    hash.update(chunk)
  })
  request.on('end', settle)
  request.on('error', () => {})
  request.on('close', () => {
    if (!request.complete) received.aborted = true
    settle()
  })
  response.on('error', () => {})
  response.on('close', () => {
    if (!response.writableFinished) received.aborted = true
  })
  return received
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index]!, raw[2 * index + 1]!] as const)
}
