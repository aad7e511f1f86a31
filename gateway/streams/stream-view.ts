/** Kinds of streams. `events` are server-sent events; `download` is the body of any other reply. */
export type StreamKind = 'websocket' | 'events' | 'download' | 'upload'

/** A stream, as operators see it. */
export interface StreamView {
  /** Id of the stream: the request id of its exchange. */
  readonly id: string
  readonly kind: StreamKind
  /** Id of the route of the stream. */
  readonly route: string
  /** Identifier of the issuer; `undefined`, like `subject`, for a stream that a public route admitted. */
  readonly issuer: string | undefined
  readonly subject: string | undefined
  /** Id of the login session, else the `sid` of the token. */
  readonly session: string | undefined
  /** IP address of the client. */
  readonly address: string
  /** Arrival of the request, ms since the Unix epoch. */
  readonly startedMs: number
  /** Number of messages of a WebSocket, from and to the client; `undefined` for any other kind of stream. */
  readonly messagesIn: number | undefined
  readonly messagesOut: number | undefined
  /** Number of bytes from and to the client: messages, request body and reply body. */
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Selects the streams that have all given values. An empty selector matches every stream. */
export interface StreamSelector {
  /** Id of the selected stream: the request id of its exchange. */
  readonly id?: string
  readonly route?: string
  /** Id of a login session, or `sid` of a token. */
  readonly session?: string
  readonly subject?: string
  /** Identifier of the issuer. */
  readonly issuer?: string
}
