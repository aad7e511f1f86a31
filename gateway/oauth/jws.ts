import { isUtf8 } from 'node:buffer'
import { type JsonFlaw, type JsonObject, readJsonObject } from './json.ts'

/** A compact JWS, parsed but not verified. */
export interface Jws {
  readonly header: JsonObject
  readonly claims: JsonObject
}

export type JwsFlaw = JsonFlaw | 'token-critical-header'

/**
 * Parses a compact JWS (RFC 7515 §7.1) whose payload is a JSON object (RFC 7519 §7.2). A pure function; verifies no
 * signature.
 *
 * The parser is stricter than the library jose, so that each token has exactly one text: three non-empty parts, each
 * the canonical base64url form of its bytes; UTF-8 without BOM; no duplicate member. No extension is supported: `crit`
 * and `b64` are rejected (RFC 7515 §4.1.11, RFC 7797), and so are five-part JWEs.
 */
export function readJws(token: string): Jws | JwsFlaw {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1) return 'token-malformed'
  // Reject a token with more than two dots: its third part would contain a dot, which is not a base64url character.
  if (!isCanonicalPart(token.slice(second + 1))) return 'token-malformed'
  const header = readJwsPart(token.slice(0, first))
  if (typeof header === 'string') return header
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'token-critical-header'
  const claims = readJwsPart(token.slice(first + 1, second))
  return typeof claims === 'string' ? claims : { header, claims }
}

/**
 * Reads the JSON object in one part of a compact JWS, with the checks of {@link readJws}: canonical base64url, UTF-8
 * without BOM, no duplicate member.
 */
export function readJwsPart(part: string): JsonObject | JsonFlaw {
  const bytes = decode(part)
  // Use `toString`, which keeps a byte order mark (BOM): `JSON.parse` then rejects the text.
  return bytes !== undefined && isUtf8(bytes) ? readJsonObject(bytes.toString()) : 'token-malformed'
}

/**
 * Lenient parser for tokens that need not be a JWS. Returns the JSON object in one part of a token, in any encoding and
 * formatting; `undefined` when the part contains no JSON object.
 */
export function objectInPart(part: string): JsonObject | undefined {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** Whether a text is the canonical base64url form of at least one byte. */
export function isCanonicalPart(part: string): boolean {
  return decode(part) !== undefined
}

/** Decodes base64url; returns `undefined` for a non-canonical text (padding, `+`, spaces, non-zero unused bits). */
function decode(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return part !== '' && bytes.toString('base64url') === part ? bytes : undefined
}
