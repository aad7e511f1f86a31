import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface DemoCall {
  readonly method: string
  /** Request target in origin form. It is sent byte for byte. */
  readonly target: string
  readonly port: number
  /** Header fields. A list of values repeats the field. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Buffer | Readable
}

export interface DemoReply {
  readonly status: number
  /** Returns the first value of a header field. @param name  name in lower case */
  field(name: string): string | undefined
  /** Returns all values of a header field. @param name  name in lower case */
  all(name: string): string[]
  readonly body: Buffer
}

const timeoutMs = 10_000

/**
 * Sends one request on a new connection.
 *
 * @throws {Error} when no complete reply arrives within 10 s
 */
export async function callHttp(call: DemoCall): Promise<DemoReply> {
  const response = await openHttp(call)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return replyOf(response, Buffer.concat(chunks))
}

/** Like {@link callHttp}, but returns after the reply head. The caller reads the body or calls `destroy()`. */
export async function openHttp(call: DemoCall): Promise<IncomingMessage> {
  const { method, target, port, fields = {}, body } = call
  const outgoing = request({
    host: '127.0.0.1',
    port,
    method,
    path: target,
    agent: false,
    headers: { ...copy(fields), ...(Buffer.isBuffer(body) && { 'Content-Length': body.length }) },
    signal: AbortSignal.timeout(timeoutMs),
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    // Ignore errors after the reply: they concern the rest of the request, and the promise is already resolved.
    outgoing.on('error', reject)
  })
  if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body)
  else pipeline(body, outgoing).catch(() => {})
  return answered
}

export function replyOf({ statusCode = 0, rawHeaders }: IncomingMessage, body: Buffer): DemoReply {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  return {
    status: statusCode,
    field: (name) => (names.includes(name) ? rawHeaders[names.indexOf(name) * 2 + 1] : undefined),
    all: (name) => rawHeaders.filter((_, index) => index % 2 === 1 && names[(index - 1) / 2] === name),
    body,
  }
}

function copy(fields: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}
