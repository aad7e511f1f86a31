import type { RequestHead } from '../exchange/request-head.ts'

/**
 * Whether a browser opens a page with this request. Current browsers state it in `Sec-Fetch-Mode` (Fetch Metadata
 * §2.2), also for requests of scripts, which are no navigations. Of any other client, `Accept` must begin with
 * `text/html`. Reads at most these two fields.
 */
export function isNavigation(head: RequestHead): boolean {
  const mode = head.field('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return /^text\/html[\t ]*(?:[,;]|$)/i.test(head.field('accept') ?? '')
}
