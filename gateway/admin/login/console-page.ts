import type { IncomingMessage } from 'node:http'
import { ApiProblem } from '../api-problem.ts'
import { isOfOtherOrigin } from '../own-host.ts'
import { CONSOLE_FIELD } from './console-cookie.ts'

const safe: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD'])

/**
 * Requires that a page of the console sent the request: a call by cookie, a log-in or a log-out (CSRF). Browsers state
 * the origin of the page in `Origin` or `Sec-Fetch-Site`; a request that can change state must have one of the two.
 *
 * @throws {ApiProblem} 403
 */
export function requireConsolePage({ method, headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site']
  const isForeign = isOfOtherOrigin(headers) || (site !== undefined && site !== 'same-origin')
  if (isForeign) throw forbidden('a page of another origin must not call the admin API with the cookie of the console')
  if (headers[CONSOLE_FIELD] !== '1') throw forbidden(`a page of the console sends ${CONSOLE_FIELD}: 1 with each call`)
  if (safe.has(method) || headers.origin !== undefined || site !== undefined) return
  throw forbidden('a call that changes state needs Origin or Sec-Fetch-Site: same-origin, which browsers send')
}

function forbidden(detail: string): ApiProblem {
  return new ApiProblem('forbidden', detail)
}
