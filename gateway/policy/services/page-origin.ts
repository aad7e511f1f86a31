import { InvalidText, parsedText } from '../../config/text-schemas.ts'
import { isPrivate, readOrigin } from '../../config/web-url.ts'

/** Origin that is compared with the `Origin` field byte for byte. */
export const pageOrigin = parsedText('an exact origin such as https://app.example', (written) => {
  // `*` would pass as a host in the URL parser, but browsers never send it.
  const url = written.includes('*') ? undefined : readOrigin(written)
  if (!(url instanceof URL)) return url
  if (!isPrivate(url)) return new InvalidText('must be https; http is for loopback only')
  if (url.origin === written) return written
  return new InvalidText('must be as browsers send it: in lower case, without a final / and without a default port')
})
