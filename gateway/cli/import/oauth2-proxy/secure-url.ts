import { isPrivate } from '../../../config/web-url.ts'

/**
 * Converts a URL into a form that the gate accepts as issuer or public URL: https, or http on loopback. Any other http
 * URL becomes https. Returns `undefined` for a text that is no URL.
 */
export function secureUrl(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  if (isPrivate(new URL(text))) return text
  return text.replace(/^http:/, 'https:')
}
