import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface DemoCall {
  readonly method: string
  /** Origin-form target; goes out byte for byte. */
  readonly target: string
  readonly port: number
  /** A list gives the field more than once. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Buffer | Readable
  /** Length in the head when no body follows it. */
  readonly announcedBytes?: number
}

export interface DemoReply {
  readonly status: number
  /** First value of a field; the name in lower case. */
  field(name: string): string | undefined
  /** All values of a field. */
  all(name: string): string[]
  /** How often a field stands in the head. */
  count(name: string): number
  readonly body: Buffer
}

const timeoutMs = 10_000

/**
 * Makes one request on a connection of its own.
 *
 * @throws {Error} when no whole reply comes, in time
 */
export async function callHttp(call: DemoCall): Promise<DemoReply> {
  const response = await openHttp(call)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return replyOf(response, Buffer.concat(chunks))
}

/** As {@link callHttp}, up to the head of the reply: the body is the caller's to read, or to leave by `destroy()`. */
export async function openHttp(call: DemoCall): Promise<IncomingMessage> {
  const { method, target, port, fields = {}, body, announcedBytes } = call
  const length = Buffer.isBuffer(body) ? body.length : announcedBytes
  const outgoing = request({
    host: '127.0.0.1',
    port,
    method,
    path: target,
    agent: false,
    headers: { ...copy(fields), ...(length === undefined ? {} : { 'Content-Length': length }) },
    signal: AbortSignal.timeout(timeoutMs),
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    // After the reply an error is about what we still send, and it is the reply that counts.
    outgoing.on('error', reject)
  })
  if (body === undefined && announcedBytes !== undefined) outgoing.flushHeaders()
  else if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body)
  else pipeline(body, outgoing).catch(() => {})
  const response = await answered
  if (announcedBytes !== undefined) response.once('end', () => outgoing.destroy())
  return response
}

export function replyOf({ statusCode = 0, rawHeaders }: IncomingMessage, body: Buffer): DemoReply {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  return {
    status: statusCode,
    field: (name) => (names.includes(name) ? rawHeaders[names.indexOf(name) * 2 + 1] : undefined),
    all: (name) => rawHeaders.filter((_, index) => index % 2 === 1 && names[(index - 1) / 2] === name),
    count: (name) => names.filter((one) => one === name).length,
    body,
  }
}

function copy(fields: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}
