import { denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { FieldKind } from './field-kind.ts'
import type { RequestHead, WebSocketHandshake } from './request-head.ts'

const malformed = denial('upgrade-malformed')
const otherVersion = denial('upgrade-version', {
  // A refusal with status 426 must have the field `Upgrade` (RFC 9110 §15.5.22), and must state the supported WebSocket
  // version (RFC 6455 §4.4).
  fields: [
    ['upgrade', 'websocket'],
    ['sec-websocket-version', '13'],
  ],
})

/** Matches 16 bytes in base64: 22 characters and the padding. The unused low bits of the last character can be set. */
const keyForm = /^[A-Za-z0-9+/]{22}==$/
/** Matches an offered WebSocket subprotocol: a token (RFC 9110 §5.6.2). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * Validates the handshake of a request with `Upgrade: websocket`, after its fields were read. Stricter than the
 * listener, which ignores `Upgrade`, the version, the alphabet of the key and all `Connection` fields but the first. A
 * request with a body is refused: the listener would read late bytes of the body as frames.
 */
export function readHandshake(head: RequestHead): WebSocketHandshake | typeof malformed | typeof otherVersion {
  const { names, values, kinds } = head
  let connections = 0
  let key: string | undefined
  let keys = 0
  let version: string | undefined
  let versions = 0
  let offers: string | undefined
  for (let i = 0; i < names.length; i++) {
    const kind = kinds[i]
    if (kind === FieldKind.connection) connections++
    if (kind !== FieldKind.webSocket) continue
    const value = values[i]!
    if (names[i] === 'sec-websocket-key') {
      key = value
      keys++
    } else if (names[i] === 'sec-websocket-version') {
      version = value
      versions++
    } else if (names[i] === 'sec-websocket-protocol') offers = offers === undefined ? value : `${offers},${value}`
  }
  if (head.method !== 'GET' || head.chunked || head.contentLength !== undefined) return malformed
  if (connections !== 1 || head.connectionNames?.has('upgrade') !== true) return malformed
  if (versions > 1) return malformed
  if (version !== '13') return otherVersion
  if (keys !== 1 || !keyForm.test(key!)) return malformed
  const protocols = offers === undefined ? [] : offers.split(',').map(trimOptionalWhitespace)
  if (!protocols.every((protocol) => token.test(protocol)) || new Set(protocols).size < protocols.length) {
    return malformed
  }
  return { protocols }
}
