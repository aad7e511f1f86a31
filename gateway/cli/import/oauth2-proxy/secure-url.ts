import { isPrivate } from '../../../config/web-url.ts'

/**
 * Returns a URL as the gate accepts it for issuers and for itself: https, or http on loopback. Another http URL becomes
 * https. `undefined` for a text that is no URL.
 */
export function secureUrl(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  if (isPrivate(new URL(text))) return text
  return text.replace(/^http:/, 'https:')
}
