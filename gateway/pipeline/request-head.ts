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
  /** `Max-Forwards` of an OPTIONS request; `undefined` without one, and for every other method. */
  maxForwards: number | undefined
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

  /** All values of a field as one list, its name in lower case (RFC 9110 §5.3). */
  joined(name: string): string | undefined {
    let list: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i] === name) list = list === undefined ? this.values[i] : `${list}, ${this.values[i]}`
    }
    return list
  }

  /**
   * Value of a field that reaches the service, its name in lower case; `undefined` without one. `null` where it comes more
   * than once, or under an alias (`x_tenant`, `x.tenant`): services behind CGI and WSGI conventions read them as one.
   */
  plainField(name: string): string | null | undefined {
    let value: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      const each = this.names[i]!
      // What `Connection` names ends here.
      if (!isAliasOf(each, name) || this.connectionNames?.has(each)) continue
      if (value !== undefined || each !== name) return null
      value = this.values[i]
    }
    return value
  }

  /** First value of a field, its name in lower case. */
  field(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }
}

/** Whether two names are one where everything but letters and digits is read alike. Both in lower case. */
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
