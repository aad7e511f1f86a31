import type { FieldKind } from './field-kind.ts'

/**
 * The head of a request, copied out of the listener once. Field names are in lower case, values trimmed; both in the
 * order of the wire. `guard-request` fills in what is below the line.
 */
export class RequestHead {
  readonly method: string
  /** Everything before the first `?`, as it came. */
  readonly target: string
  /** Everything after the first `?`, as it came; `undefined` without one. */
  readonly query: string | undefined
  readonly names: readonly string[]
  readonly values: readonly string[]

  /** What each field is to the gate, by position. */
  readonly kinds: FieldKind[] = []
  host = ''
  authorization: string | undefined
  requestId: string | undefined
  traceparent: string | undefined
  via: string | undefined
  /** Bytes of the body; `undefined` when it is chunked or absent. */
  contentLength: number | undefined
  chunked = false
  /** Names that `Connection` lists, in lower case; `undefined` for none beyond `close` and `keep-alive`. */
  connectionNames: Set<string> | undefined
  /** The client asked to close the connection after this exchange. */
  close = false

  constructor(
    method: string,
    target: string,
    query: string | undefined,
    names: readonly string[],
    values: readonly string[],
  ) {
    this.method = method
    this.target = target
    this.query = query
    this.names = names
    this.values = values
  }

  /** First value of a field, its name in lower case. */
  field(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }
}
