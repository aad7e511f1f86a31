import { isUtf8 } from 'node:buffer'
import { type JsonFlaw, type JsonObject, readJsonObject } from './json.ts'

/** A signed token in compact form, read but not verified. */
export interface Jws {
  readonly header: JsonObject
  readonly claims: JsonObject
}

export type JwsFlaw = JsonFlaw | 'token-critical-header'

/**
 * Reads a JWS in compact form (RFC 7515 §7.1) whose payload is a JSON object (RFC 7519 §7.2). Pure; nothing is verified.
 *
 * Stricter than jose, so that one token has one text: exactly three non-empty parts, each the only base64url form of
 * its bytes; UTF-8 without BOM; no member twice. No extension is understood, so `crit` and `b64` are refused
 * (RFC 7515 §4.1.11, RFC 7797), and with them five-part JWEs.
 */
export function readJws(token: string): Jws | JwsFlaw {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1) return 'token-malformed'
  // A further dot lies in the third part and is no base64url character.
  if (decode(token.slice(second + 1)) === undefined) return 'token-malformed'
  const header = readPart(token.slice(0, first))
  if (typeof header === 'string') return header
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'token-critical-header'
  const claims = readPart(token.slice(first + 1, second))
  return typeof claims === 'string' ? claims : { header, claims }
}

function readPart(part: string): JsonObject | JsonFlaw {
  const bytes = decode(part)
  // `toString` keeps a BOM, and JSON does not begin with one.
  return bytes !== undefined && isUtf8(bytes) ? readJsonObject(bytes.toString()) : 'token-malformed'
}

/** The JSON object in a part of a token, however it is written there; `undefined` where there is none. For what need not be a JWS. */
export function objectInPart(part: string): JsonObject | undefined {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** Bytes of a base64url text; `undefined` where they have another text too (padding, `+`, spaces, stray last bits). */
function decode(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return part !== '' && bytes.toString('base64url') === part ? bytes : undefined
}
