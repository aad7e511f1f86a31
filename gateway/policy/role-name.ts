import { text } from '../config/text-schemas.ts'

/** Schema of the name of a role, which a service maps from claims. */
export const roleName = text('the name of a role', /^[^\s\x00-\x1f\x7f]{1,128}$/)
