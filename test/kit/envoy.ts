import { randomUUID } from 'node:crypto'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type protobuf from 'protobufjs'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { loadEnvoyProtos } from './envoy-protos.ts'
import { defaultLimitMs } from './wire.ts'

type Field = readonly [name: string, value: string]

/** A request as a client sends it to Envoy. */
export interface EnvoyRequest {
  readonly method?: string
  readonly path: string
  readonly host?: string
  readonly scheme?: string
  /** Fields without pseudo-header fields; values are bytes as Latin-1. */
  readonly fields?: readonly Field[]
  /** Address of the client; `undefined`: a Unix domain socket. */
  readonly source?: string | undefined
  readonly protocol?: string
  /** Certificate of the client in PEM, with `include_peer_certificate`. */
  readonly certificate?: string
}

interface HeaderValueOption {
  readonly header: { readonly key: string; readonly value: string }
  readonly append?: unknown
  readonly append_action?: number
}

/** A `CheckResponse`, decoded with the original protos. */
interface CheckResponse {
  readonly status: { readonly code?: number }
  readonly ok_response?: {
    readonly headers?: readonly HeaderValueOption[]
    readonly headers_to_remove?: readonly string[]
    readonly response_headers_to_add?: readonly HeaderValueOption[]
  }
  readonly denied_response?: {
    readonly status: { readonly code: number }
    readonly headers?: readonly HeaderValueOption[]
    readonly body?: string
  }
}

/** Result of a check: the request that Envoy forwards, or the reply that it sends. */
export interface EnvoyVerdict {
  readonly admitted: boolean
  /** Status of the reply to the client; 200 for an admitted request. */
  readonly status: number
  readonly response: CheckResponse
  /** Fields that the service receives, without pseudo-header fields; empty when the request is denied. */
  readonly forwarded: readonly Field[]
  /** Fields of the denial, or fields that Envoy adds to the reply of the service. */
  readonly replyFields: readonly Field[]
  /** First value of a reply field. */
  field(name: string): string | undefined
}

const checkMethod = '/envoy.service.auth.v3.Authorization/Check'

/**
 * Does what the filter ext_authz of Envoy does, with a real gRPC client and the original protos: describes a request in a
 * CheckRequest, calls the authorization service, and applies the CheckResponse to the request.
 */
export class TestEnvoy {
  readonly #client: Client
  readonly #requestType: protobuf.Type
  readonly #responseType: protobuf.Type
  readonly #raw: boolean

  /** @param raw  `encode_raw_headers`: header fields as a list with bytes, instead of a map with texts */
  constructor(port: number, { raw = false } = {}) {
    const root = loadEnvoyProtos()
    this.#requestType = root.lookupType('envoy.service.auth.v3.CheckRequest')
    this.#responseType = root.lookupType('envoy.service.auth.v3.CheckResponse')
    this.#raw = raw
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    atEnd(() => this.#client.close())
  }

  /** Encodes a CheckRequest. */
  encode(message: object): Buffer {
    return Buffer.from(this.#requestType.encode(this.#requestType.fromObject(message)).finish())
  }

  /** Describes a request as Envoy does. */
  message(request: EnvoyRequest, id = 'a-request-id'): object {
    const { method = 'GET', path, host = 'api.test', scheme = 'https', protocol = 'HTTP/1.1', certificate } = request
    const headers = fieldsAtEnvoy({ ...request, method, host, scheme }, id)
    const source = 'source' in request && request.source === undefined ? undefined : (request.source ?? '203.0.113.9')
    const http = {
      id: '9347209120543612718',
      method,
      path,
      host,
      scheme,
      protocol,
      ...(this.#raw ? { header_map: { headers: rawHeaders(headers) } } : { headers: mergedHeaders(headers) }),
    }
    const address =
      source === undefined
        ? { pipe: { path: '/run/envoy.sock' } }
        : { socket_address: { address: source, port_value: 40812 } }
    return {
      attributes: {
        source: { address, ...(certificate !== undefined && { certificate: encodeURIComponent(certificate) }) },
        destination: { address: { socket_address: { address: '10.1.7.5', port_value: 8443 } } },
        request: { time: { seconds: 1_796_169_600, nanos: 1 }, http },
        context_extensions: { virtual_host: 'shop' },
        metadata_context: {},
        route_metadata_context: {},
      },
    }
  }

  /** Sends a CheckRequest. @throws {ServiceError} when the call fails */
  async call(message: Buffer): Promise<CheckResponse> {
    const sent = new Promise<Buffer>((resolve, reject) => {
      const finish = (error: ServiceError | null, reply?: Buffer) => (error === null ? resolve(reply!) : reject(error))
      const same = (bytes: Buffer) => bytes
      this.#client.makeUnaryRequest(checkMethod, same, same, message, finish)
    })
    const reply = await within(defaultLimitMs, 'the reply to a check', sent)
    return this.#responseType.toObject(this.#responseType.decode(reply)) as CheckResponse
  }

  async check(request: EnvoyRequest): Promise<EnvoyVerdict> {
    const id = randomUUID()
    const response = await this.call(this.encode(this.message(request, id)))
    return verdictOf(response, request, id)
  }
}

const ownFields: ReadonlySet<string> = new Set(['x-forwarded-for', 'x-forwarded-proto', 'cookie'])

/** The fields of a request in the filter: pseudo-header fields first, and those that Envoy adds itself. */
function fieldsAtEnvoy({ method, path, host, scheme, fields = [], source }: EnvoyRequest, id: string): Field[] {
  const chain = [
    ...fields.filter(([name]) => name === 'x-forwarded-for').map(([, value]) => value),
    source ?? '203.0.113.9',
  ]
  const cookies = fields.filter(([name]) => name === 'cookie').map(([, value]) => value)
  return [
    [':authority', host!],
    [':path', path],
    [':method', method!],
    [':scheme', scheme!],
    ...fields.filter(([name]) => !ownFields.has(name)),
    // Envoy joins the cookies of a client in one field.
    ...(cookies.length === 0 ? [] : [['cookie', cookies.join('; ')] as const]),
    // Append the peer to the chain of addresses, as Envoy does with the setting `use_remote_address: true`.
    ['x-forwarded-for', chain.join(',')],
    ['x-forwarded-proto', scheme!],
    ['x-request-id', id],
  ]
}

const rawHeaders = (fields: readonly Field[]) =>
  fields.map(([key, value]) => ({ key, raw_value: Buffer.from(value, 'latin1') }))

function mergedHeaders(fields: readonly Field[]): Record<string, string> {
  const merged: Record<string, string> = Object.create(null)
  for (const [name, bytes] of fields) {
    const value = Buffer.from(bytes, 'latin1').toString().replaceAll('\ufffd', '!')
    merged[name] = name in merged ? `${merged[name]},${value}` : value
  }
  return merged
}

function verdictOf(response: CheckResponse, request: EnvoyRequest, id: string): EnvoyVerdict {
  const admitted = (response.status.code ?? 0) === 0
  const { ok_response: ok, denied_response: denied } = response
  const replyFields = optionsOf(admitted ? ok?.response_headers_to_add : denied?.headers)
  return {
    admitted,
    status: admitted ? 200 : (denied?.status.code ?? 403),
    response,
    forwarded: admitted ? forwardedFields(request, ok, id) : [],
    replyFields,
    field: (name) => replyFields.find(([each]) => each === name)?.[1],
  }
}

const optionsOf = (options: readonly HeaderValueOption[] = []): Field[] =>
  options.map(({ header }) => [header.key, header.value])

/** Applies a response to the fields of a request, in the order of Envoy: first sets, then removes. */
function forwardedFields(request: EnvoyRequest, ok: CheckResponse['ok_response'], id: string): Field[] {
  let fields = fieldsAtEnvoy({ method: 'GET', host: 'api.test', scheme: 'https', ...request }, id)
  for (const { header, append, append_action = 0 } of ok?.headers ?? []) {
    if (append !== undefined || append_action !== 2) throw new Error(`field ${header.key} would be appended`)
    fields = [...fields.filter(([name]) => name !== header.key), [header.key, header.value]]
  }
  const removed = new Set(ok?.headers_to_remove)
  return fields.filter(([name]) => !name.startsWith(':') && !removed.has(name))
}
