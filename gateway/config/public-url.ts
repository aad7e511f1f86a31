import { z } from 'zod'
import type { ListenAddress } from './listen-address.ts'
import { InvalidText, parsedText } from './text-schemas.ts'
import { isPrivate, readOrigin } from './web-url.ts'

const origin = parsedText('an origin such as https://api.example', (text) => {
  const url = readOrigin(text)
  if (!(url instanceof URL)) return url
  return isPrivate(url) ? url.origin : new InvalidText('must be https; http is for loopback only')
})

/** Schema of `public_url`: one origin or a list of origins. The parsed value is always a list. */
export const publicUrl = z.union([origin.transform((only) => [only]), z.array(origin).min(1)])

/**
 * Returns the URL at which clients on the same machine reach a loopback listener. Used when `public_url` is not set.
 */
export function loopbackUrl({ host, port }: ListenAddress, scheme: 'http' | 'https'): string {
  return new URL(`${scheme}://${host?.includes(':') ? `[${host}]` : host}:${port}`).origin
}
