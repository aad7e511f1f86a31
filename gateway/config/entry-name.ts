import { text } from './text-schemas.ts'

/**
 * Schema of the name of a service or issuer. A service finds its own name in the claim `aud` of identity assertions.
 */
export const entryName = text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
