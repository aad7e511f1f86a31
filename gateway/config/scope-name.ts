import { text } from './text-schemas.ts'

/** Schema of one OAuth scope (RFC 6749 §3.3). */
export const scopeName = text(
  'a scope: visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)
