import type { FieldKind } from './field-kind.ts'

/** A valid WebSocket handshake of a client (RFC 6455 §4.2.1). */
export interface WebSocketHandshake {
  /** Offered subprotocols, in order of preference: tokens, each once. */
  readonly protocols: readonly string[]
}

/** HTTP version of a request, as in `Via` (RFC 9110 §7.6.3) and in traces. */
export type HttpVersion = (typeof httpVersions)[number]

export const httpVersions = ['1.1', '2'] as const

/**
 * The head of a request, copied from the listener once. Field names are in lower case and values are trimmed. Names and
 * values have the order of the received fields. `guard-request` sets `kinds` and the properties after `kinds`.
 */
export class RequestHead {
  readonly method: string
  /** Path part of the request target: the target before the first `?`, as received. */
  readonly target: string
  /** Query after the first `?`, as received; `undefined` without a `?`. */
  readonly query: string | undefined
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** HTTP version of the request. A request with HTTP/2 has no hop-by-hop fields, and its body has no framing fields. */
  readonly version: HttpVersion

  /** Kind of each header field, at the same index as in `names`. @bound request */
  readonly kinds: FieldKind[] = []
  host = ''
  authorization: string | undefined
  /** Value of the request field `DPoP` (RFC 9449 §4.1). */
  dpop: string | undefined
  requestId: string | undefined
  traceparent: string | undefined
  via: string | undefined
  /** Length of the request body, bytes; `undefined` when it is not announced, or without a body. */
  contentLength: number | undefined
  /**
   * True for a request body of unknown length: with `Transfer-Encoding: chunked`, or with HTTP/2 without
   * `Content-Length`.
   */
  chunked = false
  /** `Max-Forwards` of an OPTIONS request; `undefined` without the field, and for every other method. */
  maxForwards: number | undefined
  /** True for a gRPC call: a POST over HTTP/2 with the content type of gRPC. */
  grpc = false
  /** Value of `grpc-timeout` of a gRPC call, ms; `undefined` without the field. */
  grpcTimeoutMs: number | undefined
  /** True when the request has the content type of gRPC-Web. */
  grpcWeb = false
  /** True when the client requests an upgrade to WebSocket. */
  upgrade = false
  /** The WebSocket handshake; `undefined` for a request without a valid handshake. */
  handshake: WebSocketHandshake | undefined
  /**
   * Field names listed in the request field `Connection`, in lower case; `undefined` if it lists only `close` and
   * `keep-alive`.
   */
  connectionNames: Set<string> | undefined
  /** True when the client asked to close the connection after this exchange. */
  close = false

  constructor(
    method: string,
    target: string,
    query: string | undefined,
    names: readonly string[],
    values: readonly string[],
    version: HttpVersion = '1.1',
  ) {
    this.method = method
    this.target = target
    this.query = query
    this.names = names
    this.values = values
    this.version = version
  }

  /** Returns all values of a request field as one list (RFC 9110 §5.3). The name must be in lower case. */
  joined(name: string): string | undefined {
    let list: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i] === name) list = list === undefined ? this.values[i] : `${list}, ${this.values[i]}`
    }
    return list
  }

  /**
   * Returns the value of a request field that is forwarded to the service; `undefined` when the field is absent. The
   * name must be in lower case. Returns `null` when the field repeats or also occurs under an alias (`x_tenant`,
   * `x.tenant`). Services with CGI or WSGI conventions read aliases as one variable.
   */
  plainField(name: string): string | null | undefined {
    let value: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      const each = this.names[i]!
      // Count a field listed in `Connection` as absent: it is not forwarded.
      if (!isAliasOf(each, name) || this.connectionNames?.has(each)) continue
      if (value !== undefined || each !== name) return null
      value = this.values[i]
    }
    return value
  }

  /** Returns the first value of a request field. The name must be in lower case. */
  field(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }
}

/**
 * Whether two field names are equal when all characters except letters and digits count as the same character. Both
 * names are in lower case.
 */
function isAliasOf(a: string, b: string): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i) && (isAlphanumeric(a.charCodeAt(i)) || isAlphanumeric(b.charCodeAt(i)))) {
      return false
    }
  }
  return true
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a)
}
