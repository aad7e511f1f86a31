import { text } from './text-schemas.ts'

/**
 * Schema of the name of a service or issuer. The name of a service is the claim `aud` of the identity assertions that
 * the service receives.
 */
export const entryName = text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
