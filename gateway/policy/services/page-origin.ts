import { InvalidText, parsedText } from '../../config/text-schemas.ts'
import { isPrivate, readOrigin } from '../../config/web-url.ts'

/** Schema of the origin of a web page. The gate compares the origin with the `Origin` field byte by byte. */
export const pageOrigin = parsedText('an exact origin such as https://app.example', (written) => {
  // Reject `*` as a host: the URL parser accepts it, but browsers never send it.
  const url = written.includes('*') ? undefined : readOrigin(written)
  if (!(url instanceof URL)) return url
  if (!isPrivate(url)) return new InvalidText('must be an https origin; http is allowed for loopback only')
  if (url.origin === written) return written
  return new InvalidText('must be as browsers send it: in lower case, without a final / and without a default port')
})
