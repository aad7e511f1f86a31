import type { HeaderField } from '../base/denial.ts'
import type { FieldWriter } from '../pipeline/exchange/reply-fields.ts'
import { connectionFields } from '../upstream/connection-fields.ts'
import { neverIndex } from '../upstream/http2/never-indexed.ts'

/**
 * Reply fields with credentials or secrets. HPACK must not add them to its table (RFC 7541 §7.1.3): behind a balancer,
 * clients that share a connection could guess them by the size of compressed heads.
 */
const secretFields: ReadonlySet<string> = new Set([
  'set-cookie',
  'set-cookie2',
  'authorization',
  'authentication-info',
  'www-authenticate',
  'dpop-nonce',
  'location',
  'content-location',
  'refresh',
  'x-gatehouse-jwt-assertion',
])

/**
 * Fields of the gate whose value differs in each reply. HPACK must not add them to its table: no later reply would use
 * the entry, and nghttp2 compares each reply with all of up to 64 entries of the name, which takes about 10 µs.
 */
const changingFields: ReadonlySet<string> = new Set(['x-request-id', 'ratelimit'])

/** Matches characters that a reply field must not contain. Node.js does not check values before it sends them. */
const unsafe = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/

const aboveAscii = /[^\x00-\x7f]/

/** The field list of an HTTP/2 reply head. */
export class ReplyList implements FieldWriter {
  readonly #fields: string[]
  /** Names of reply fields that HPACK must not index. @bound request */
  readonly #unindexed: string[] = []
  /** False when a reply field contains a line break or another control character: the reply must then not be sent. */
  isSafe = true

  constructor(status: number) {
    this.#fields = [':status', String(status)]
    neverIndex(this.#fields, this.#unindexed)
  }

  /**
   * Returns the reply fields in the form that Node.js sends: alternating names and values, with the names of those that
   * HPACK must not index.
   */
  get fields(): readonly string[] {
    return this.#fields
  }

  /** Adds a reply field of the gate. @param value  text, sent as UTF-8 */
  writeHeader(name: string, value: string): void {
    this.#add(name, aboveAscii.test(value) ? Buffer.from(value).toString('latin1') : value)
  }

  addAll(fields: readonly HeaderField[]): void {
    for (const [name, value] of fields) this.writeHeader(name, value)
  }

  /** Adds reply fields of a service. @param pairs  alternating names and values, Latin-1 */
  addPairs(pairs: readonly string[]): void {
    for (let i = 0; i < pairs.length; i += 2) this.#add(pairs[i]!, pairs[i + 1]!)
  }

  #add(name: string, value: string): void {
    if (connectionFields.has(name)) return
    if (unsafe.test(name) || unsafe.test(value)) this.isSafe = false
    this.#fields.push(name, value)
    if (isUnindexed(name)) this.#unindexed.push(name)
  }
}

function isUnindexed(name: string): boolean {
  return secretFields.has(name) || changingFields.has(name) || name.startsWith('x-auth-request-')
}
