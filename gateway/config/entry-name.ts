import { text } from './text-schemas.ts'

/** Name of a service or issuer. Services find their own name in `aud` of the assertion. */
export const entryName = text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
