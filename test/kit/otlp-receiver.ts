import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { type Message, messageSchemas, readMessage } from './otlp-messages.ts'
import { listen } from './ports.ts'

export type OtlpSignal = 'traces' | 'metrics' | 'logs'

export type OtlpAttributes = Readonly<Record<string, unknown>>

export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  /** Hexadecimal span id of the parent; `''` for the first span of a trace. */
  readonly parentSpanId: string
  readonly name: string
  /** Kind of the span: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  /** Start time of the span, ns since the Unix epoch. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: OtlpAttributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  /** Status of the span; code 2 means an error. */
  readonly status: { readonly code: number; readonly message: string }
  readonly resource: OtlpAttributes
}

export interface OtlpMetric {
  readonly name: string
  readonly unit: string
  readonly kind: 'sum' | 'gauge' | 'histogram'
  readonly points: readonly { readonly attributes: OtlpAttributes; readonly value: number }[]
  readonly resource: OtlpAttributes
}

export interface OtlpLog {
  readonly body: unknown
  readonly severity: number
  readonly attributes: OtlpAttributes
  readonly traceId: string
  readonly resource: OtlpAttributes
}

/** A decoded OTLP request. */
export interface OtlpRequest {
  readonly signal: OtlpSignal
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly message: Message
}

/** Sends the reply to an OTLP request in place of the receiver. */
export type OtlpHandler = (request: OtlpRequest, response: ServerResponse) => void

/**
 * Receiver of OTLP over HTTP in protobuf, for all signals (OTLP 1.x, §OTLP/HTTP). Decodes requests by the field numbers of
 * the official .proto files, without any code of the exporter.
 */
export class OtlpReceiver {
  port = 0
  readonly requests: OtlpRequest[] = []
  /** Errors of requests that were not valid OTLP. Tests expect none. */
  readonly malformed: string[] = []
  /** Sends the reply to every request. `undefined`: the receiver accepts and stores every request. */
  handler: OtlpHandler | undefined
  readonly #looks = new Set<() => void>()
  readonly #server = createServer((request, response) => void this.#take(request, response))

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

  get spans(): OtlpSpan[] {
    return this.#scoped('traces', 'scopeSpans', 'spans').map(([span, resource]) => ({
      traceId: hex(span['traceId']),
      spanId: hex(span['spanId']),
      parentSpanId: hex(span['parentSpanId']),
      name: String(span['name'] ?? ''),
      kind: Number(span['kind'] ?? 0),
      start: BigInt(String(span['startTimeUnixNano'] ?? 0)),
      end: BigInt(String(span['endTimeUnixNano'] ?? 0)),
      attributes: attributesOf(span),
      links: list(span['links']).map((link) => ({ traceId: hex(link['traceId']), spanId: hex(link['spanId']) })),
      status: statusOf(span['status'] as Message | undefined),
      resource,
    }))
  }

  get metrics(): OtlpMetric[] {
    return this.#scoped('metrics', 'scopeMetrics', 'metrics').map(([metric, resource]) => {
      const kind = (['sum', 'gauge', 'histogram'] as const).find((each) => metric[each] !== undefined)!
      return {
        name: String(metric['name']),
        unit: String(metric['unit'] ?? ''),
        kind,
        points: list((metric[kind] as Message)['dataPoints']).map((point) => ({
          attributes: attributesOf(point),
          value: Number(point['asDouble'] ?? point['asInt'] ?? point['count'] ?? 0),
        })),
        resource,
      }
    })
  }

  get logs(): OtlpLog[] {
    return this.#scoped('logs', 'scopeLogs', 'logRecords').map(([record, resource]) => ({
      body: readValue(record['body'] as Message | undefined),
      severity: Number(record['severityNumber'] ?? 0),
      attributes: attributesOf(record),
      traceId: hex(record['traceId']),
      resource,
    }))
  }

  /** Resolves with the first result of `find` that is not `undefined`. Calls `find` now and after each request. */
  async waitFor<T>(what: string, find: (receiver: this) => T | undefined, limitMs = 30_000): Promise<T> {
    const known = find(this)
    if (known !== undefined) return known
    const { promise, resolve } = Promise.withResolvers<T>()
    const look = (): void => {
      const found = find(this)
      if (found !== undefined) resolve(found)
    }
    this.#looks.add(look)
    return within(limitMs, `${what} at the OTLP receiver`, promise).finally(() => this.#looks.delete(look))
  }

  #scoped(signal: OtlpSignal, scopes: string, items: string): [item: Message, resource: OtlpAttributes][] {
    const groups = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' }
    return this.requests
      .filter((request) => request.signal === signal)
      .flatMap(({ message }) => list(message[groups[signal]]))
      .flatMap((group) => {
        const resource = attributesOf((group['resource'] ?? {}) as Message)
        return list(group[scopes])
          .flatMap((scope) => list(scope[items]))
          .map((item): [Message, OtlpAttributes] => [item, resource])
      })
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await buffer(request)
      const signal = signalOf(request)
      const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      const taken = {
        signal,
        path: request.url ?? '',
        headers: request.headers,
        message: readMessage(bytes, messageSchemas[signal]),
      }
      if (this.handler !== undefined) return this.handler(taken, response)
      this.requests.push(taken)
      // An empty response message means that all items were accepted.
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    } catch (error) {
      this.malformed.push(String(error))
      response.writeHead(400).end()
    } finally {
      for (const look of this.#looks) look()
    }
  }
}

/** Starts an OTLP receiver, which stops after the last test of the file. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const receiver = new OtlpReceiver()
  await receiver.start()
  atEnd(() => receiver.stop())
  return receiver
}

function signalOf({ method, url = '', headers }: IncomingMessage): OtlpSignal {
  const signal = (['traces', 'metrics', 'logs'] as const).find((each) => url.endsWith(`/v1/${each}`))
  if (method !== 'POST' || signal === undefined) throw new Error(`${method} ${url}`)
  if (headers['content-type'] !== 'application/x-protobuf') throw new Error(`content-type ${headers['content-type']}`)
  return signal
}

function list(value: unknown): Message[] {
  return (value ?? []) as Message[]
}

function hex(value: unknown): string {
  return value === undefined ? '' : Buffer.from(value as Uint8Array).toString('hex')
}

function statusOf(status: Message = {}): OtlpSpan['status'] {
  return { code: Number(status['code'] ?? 0), message: String(status['message'] ?? '') }
}

function attributesOf(holder: Message): OtlpAttributes {
  return Object.fromEntries(
    list(holder['attributes']).map((pair) => [String(pair['key']), readValue(pair['value'] as Message | undefined)]),
  )
}

function readValue(value: Message | undefined): unknown {
  if (value === undefined) return undefined
  if (value['arrayValue'] !== undefined) return list((value['arrayValue'] as Message)['values']).map(readValue)
  return value['stringValue'] ?? value['boolValue'] ?? value['intValue'] ?? value['doubleValue']
}
