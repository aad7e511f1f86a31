import { RequestHead } from './request-head.ts'

const aboveAscii = /[^\x00-\x7f]/

/**
 * Reads the head of an HTTP/2 request (RFC 9113 §8.3) from the list of its fields in the order of the wire. The merged
 * object of Node.js is not used, because it hides repeated fields. Validates nothing: `guard-request` validates the head
 * like that of an HTTP/1.1 request. A request that HTTP/1.1 cannot express becomes one that `guard-request` refuses:
 *
 * - with a `host` that differs from `:authority`, the head has two `Host` fields;
 * - with a `:scheme` other than http and https, the target is in absolute form;
 * - without `:path` (CONNECT), the target is empty.
 *
 * @param list      alternating names and values, Latin-1
 * @param bodyless  true when no body follows the head
 */
export function readHttp2Head(list: readonly string[], bodyless: boolean): RequestHead {
  const names: string[] = []
  const values: string[] = []
  let [method, path, scheme] = ['', '', '']
  let authority: string | undefined
  let hasLength = false
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!
    const value = textOf(list[i + 1]!)
    if (name.charCodeAt(0) === 0x3a) {
      if (name === ':method') method = value
      else if (name === ':path') path = value
      else if (name === ':scheme') scheme = value
      else if (name === ':authority') authority = value
      continue
    }
    if (name === 'content-length') hasLength = true
    if (name === 'host' && authority !== undefined && value.toLowerCase() === authority.toLowerCase()) continue
    names.push(name)
    values.push(value)
  }
  if (authority !== undefined) {
    names.unshift('host')
    values.unshift(authority)
  }
  const target =
    scheme === 'http' || scheme === 'https' || method === 'CONNECT' ? path : `${scheme}://${authority}${path}`
  const cut = target.indexOf('?')
  const head = new RequestHead(
    method,
    cut < 0 ? target : target.slice(0, cut),
    cut < 0 ? undefined : target.slice(cut + 1),
    names,
    values,
    '2',
  )
  head.chunked = !bodyless && !hasLength
  return head
}

/**
 * Decodes a request field value as UTF-8, as uWebSockets.js does. A byte that is no UTF-8 becomes U+FFFD, which
 * `guard-request` refuses.
 */
function textOf(value: string): string {
  return aboveAscii.test(value) ? Buffer.from(value, 'latin1').toString() : value
}
