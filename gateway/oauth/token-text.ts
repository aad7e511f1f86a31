const BASE64URL = /^[A-Za-z0-9_-]+$/
/** Characters of 32 bytes in base64url: the key of an opaque token of Ory Hydra and Authelia has this length. */
const KEY_CHARS = 43
const KNOWN_PREFIX = /^(?:ory|authelia)_at_/
/** End of a prefix that was made from another template, such as `acme_%s_`, for an access token. */
const PREFIX_END = /at[_~+/-]?$/

/**
 * The form in which texts are equal that an issuer may take for the same opaque token. For comparisons only: an issuer is
 * asked about the text that the client sent.
 *
 * - Each part between dots that is base64url is decoded and encoded again, so that padding, `+` and `/` of plain base64, and
 *   other last characters with the same bits change nothing.
 * - Of a token with two parts, `KEY.SIGNATURE`, the prefix of the issuer's product is removed. Ory Hydra (fosite) and
 *   Authelia accept such a token with and without `ory_at_` or `authelia_at_`, and compare the decoded bytes of the key.
 *
 * @param token  of any form. A JWS that `readJws` accepts is returned unchanged
 */
export function canonicalTokenText(token: string): string {
  const parts = token.split('.')
  if (parts.length === 2) parts[0] = withoutPrefix(parts[0]!)
  return parts.map(canonicalPart).join('.')
}

function canonicalPart(part: string): string {
  const text = part
    .replace(/={1,2}$/, '')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
  // One character alone in the last group has fewer bits than a byte: no base64url ends so.
  if (!BASE64URL.test(text) || text.length % 4 === 1) return part
  return Buffer.from(text, 'base64url').toString('base64url')
}

/** A key that begins like a prefix by chance is shorter than a key without it, and so is left whole. */
function withoutPrefix(part: string): string {
  const rest = part.replace(/={1,2}$/, '').replace(KNOWN_PREFIX, '')
  const key = rest.slice(-KEY_CHARS)
  return key.length === KEY_CHARS && PREFIX_END.test(rest.slice(0, -KEY_CHARS)) ? key : rest
}
