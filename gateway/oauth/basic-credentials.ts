/** Client id and secret of a caller that authenticates with HTTP Basic (RFC 6749 §2.3.1). */
export interface BasicCredentials {
  readonly id: string
  readonly secret: string
}

/** Maximum length of client id and secret together, with the colon, after base64 is decoded, characters. */
const PAIR_MAX = 2048
/** Characters of a client id and a client secret (RFC 6749, appendix A.1 and A.2). */
const visible = /^[\x20-\x7e]+$/

/**
 * Parses the credentials of an `Authorization: Basic` field (RFC 7617 §2). The pair is split at its first colon, then
 * id and secret are form-decoded (RFC 6749 §2.3.1).
 *
 * @returns `undefined` for text that is not canonical base64, a pair without a colon, an empty id or secret, an invalid
 *   percent-encoding, and characters that no client id or secret may have
 */
export function readBasicCredentials(token: string): BasicCredentials | undefined {
  const bytes = Buffer.from(token, 'base64')
  if (bytes.length > PAIR_MAX || bytes.toString('base64') !== token) return undefined
  const pair = bytes.toString('latin1')
  const colon = pair.indexOf(':')
  if (colon === -1) return undefined
  const id = formDecoded(pair.slice(0, colon))
  const secret = formDecoded(pair.slice(colon + 1))
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

function formDecoded(text: string): string | undefined {
  if (!visible.test(text) || /%(?![0-9A-Fa-f]{2})/.test(text)) return undefined
  const decoded = text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return visible.test(decoded) ? decoded : undefined
}
