import { z } from 'zod'
import type { ListenAddress } from './listen-address.ts'
import { InvalidText, parsedText } from './text-schemas.ts'
import { isPrivate, readOrigin } from './web-url.ts'

const origin = parsedText('an origin such as https://api.example', (text) => {
  const url = readOrigin(text)
  if (!(url instanceof URL)) return url
  if (!isPrivate(url)) return new InvalidText('must be https; http is for loopback only')
  return isHostOrPattern(url.hostname) ? url.origin : new InvalidText(patternExpected)
})

const patternExpected =
  'may have * only as the whole first label of its host name, before two or more labels, as in https://*.apps.example'

/**
 * Schema of `public_url`: one origin or a list of origins. The parsed value is always a list. An origin after the first
 * can be a pattern, with `*` as the first label of its host.
 */
export const publicUrl = z
  .union([origin.transform((only) => [only]), z.array(origin).min(1)])
  .refine(([first]) => first === undefined || !new URL(first).hostname.startsWith('*'), {
    error: 'must have a first origin without *, because that origin is the issuer (iss) of identity assertions',
  })

/**
 * Whether `*` occurs in a host only as its whole first label. Two more labels must follow; `*.localhost` is allowed
 * too. Also true for a host without `*`.
 */
function isHostOrPattern(host: string): boolean {
  const [first, ...others] = host.split('.')
  if (others.some((label) => label.includes('*'))) return false
  return first === '*' ? others.length > 1 || others[0] === 'localhost' : !first!.includes('*')
}

/**
 * Returns the URL at which clients on the same machine reach a loopback listener. Used when `public_url` is not set.
 */
export function loopbackUrl({ host, port }: ListenAddress, scheme: 'http' | 'https'): string {
  return new URL(`${scheme}://${host?.includes(':') ? `[${host}]` : host}:${port}`).origin
}
