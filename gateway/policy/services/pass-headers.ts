import { z } from 'zod'
import { isPassable } from '../../base/statement-fields.ts'
import { parsedText } from '../../config/text-schemas.ts'

const passedField = parsedText(
  'a field that other proxies state and that the gate removes, such as X-Real-IP or X-SSL-Client-Verify (docs/reference/wire.md has ' +
    'the list); every other field either passes without this key or never passes',
  (text) => {
    const name = text.toLowerCase()
    return /^[0-9a-z-]{1,128}$/.test(name) && isPassable(name) ? name : undefined
  },
)

/**
 * Names of request fields, in lower case, that a service receives as the client sent them. The gate removes these
 * fields by default.
 */
export const passHeaders = z.array(passedField).prefault([])
