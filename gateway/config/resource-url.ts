import { text } from './text-schemas.ts'

/** Schema of a resource for which a token is requested (RFC 8707 §2): an absolute URL without a fragment. */
export const resourceUrl = text('an absolute URL without a fragment', /^https?:\/\/[\x21\x24-\x7e]{1,2000}$/)
