const BASE64URL = /^[A-Za-z0-9_-]+$/
/** Base64url length of 32 bytes: the length of the key of an opaque token of Ory Hydra or Authelia. */
const KEY_CHARS = 43
const KNOWN_PREFIX = /^(?:ory|authelia)_at_/
/**
 * Matches a token prefix that ends in `at` and at most one separator. Issuers can configure such prefixes by a
 * template: for example, `acme_%s_` gives `acme_at_`.
 */
const PREFIX_END = /at[_~+/-]?$/

/**
 * Canonical text of a token: equal for all texts that an issuer may accept as the same opaque token. Used only for
 * comparisons. An introspection request contains the text that the client sent.
 *
 * - Each dot-separated part that is base64url is decoded and encoded again. Padding, the characters `+` and `/` of
 *   plain base64, and unused bits of the last character then make no difference.
 * - In a token of two parts, `KEY.SIGNATURE`, the prefix of the issuer's product is removed. Ory Hydra (fosite) and
 *   Authelia accept such a token with and without `ory_at_` or `authelia_at_`, and compare the decoded bytes of the
 *   key.
 *
 * @param token  token of any form; a JWS that `readJws` accepts is returned unchanged
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
  // Reject a last group of one character: a last group of one base64url character has 6 bits, less than a byte. No
  // valid base64url text ends like this.
  if (!BASE64URL.test(text) || text.length % 4 === 1) return part
  return Buffer.from(text, 'base64url').toString('base64url')
}

/**
 * Removes an issuer's prefix from the key part of an opaque token. A custom prefix is removed only if 43 characters
 * remain. A key that starts like a custom prefix by chance therefore stays unchanged.
 */
function withoutPrefix(part: string): string {
  const rest = part.replace(/={1,2}$/, '').replace(KNOWN_PREFIX, '')
  const key = rest.slice(-KEY_CHARS)
  return key.length === KEY_CHARS && PREFIX_END.test(rest.slice(0, -KEY_CHARS)) ? key : rest
}
