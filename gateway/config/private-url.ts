import { InvalidText, parsedText } from './text-schemas.ts'
import { isPrivate, readWebUrl } from './web-url.ts'

/**
 * Schema of an https URL, or of http to a loopback address. The text is not normalized, because issuer identifiers are
 * compared byte for byte (RFC 8414 §2).
 */
export const privateUrl = parsedText('an https URL; http is for loopback only', (written) => {
  const url = readWebUrl(written)
  if (!(url instanceof URL)) return url
  return isPrivate(url) ? written : new InvalidText('must be https; http is for loopback only')
})
