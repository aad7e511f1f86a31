import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { ownLocation } from '../exchange/own-location.ts'
import type { FinalPhase } from '../exchange/phase.ts'
import { isOwnCookie } from '../identity/cookie-field.ts'

/**
 * Removes hop-by-hop fields and fields that the gate sets itself from the service's response. Replaces a `Location` at
 * the service's own origin. Works on raw bytes: a field name is compared only if its length matches a known name.
 *
 * If a session was the credential and the service sent no `Cache-Control`, the response is marked as private. Unlike
 * `Authorization` (RFC 9111 §3.5), a cookie does not prevent shared caching.
 */
export const shapeResponse: FinalPhase = {
  name: 'shape-response',
  run(x) {
    const head = x.replyHead!
    const named = connectionNames(head)
    const shares = x.route?.cors !== undefined
    x.keptPrivate = x.session !== undefined && !hasCacheControl(head)
    for (let i = 0; i < head.fieldCount; i++) {
      if (head.nameLength(i) === 12 && head.nameStartsWith(i, 'content-type')) {
        x.eventStream = !x.head.grpc && head.valueStartsWith(i, 'text/event-stream') && eventStream.test(head.value(i))
      }
      if (head.nameLength(i) === 15 && head.nameStartsWith(i, 'clear-site-data')) keepCookies(head, i)
      if (head.nameLength(i) === 8 && head.nameStartsWith(i, 'location')) replaceLocation(x, head, i)
      if (isDropped(head, i) || (shares && isCorsField(head, i)) || named?.has(head.name(i)) === true) head.drop(i)
    }
  },
}

const eventStream = /^text\/event-stream *(;|$)/i

/**
 * Removes `"cookies"` and `"*"` from Clear-Site-Data, because a service must not delete the gate's session cookie,
 * which has the same origin. Drops the field if nothing is left.
 */
function keepCookies(head: ReplyHead, i: number): void {
  const types = head.value(i).split(',')
  const kept = types.filter((type) => !/cookies|\*/i.test(type))
  if (kept.length === 0) head.drop(i)
  else if (kept.length < types.length) head.shorten(i, trimOptionalWhitespace(kept.join(',')))
}

function replaceLocation(x: Exchange, head: ReplyHead, i: number): void {
  const location = ownLocation(head.value(i), x.target!.origin, x.route?.rewrite)
  if (location === undefined) return
  x.location = location
  head.drop(i)
}

function hasCacheControl(head: ReplyHead): boolean {
  for (let i = 0; i < head.fieldCount; i++) {
    if (head.nameLength(i) === 13 && head.nameStartsWith(i, 'cache-control')) return true
  }
  return false
}

/**
 * Whether a response field is a CORS field. CORS fields of a service are dropped when the policy sets CORS fields, so
 * that the two sets never mix.
 */
function isCorsField(head: ReplyHead, i: number): boolean {
  return head.nameLength(i) >= 15 && head.nameStartsWith(i, 'access-control-')
}

function isDropped(head: ReplyHead, i: number): boolean {
  const length = head.nameLength(i)
  if (length >= 12 && head.nameStartsWith(i, 'x-gatehouse-')) return true
  if (length >= 17 && head.nameStartsWith(i, 'sec-websocket-')) return true
  // Drop a `Set-Cookie` field of the service with a name of the gate's own cookies, because a service must not start or
  // end a session.
  if (length === 10 && head.nameStartsWith(i, 'set-cookie')) return isOwnCookie(head.value(i))
  const names = dropped[length]
  if (names === undefined) return false
  for (const name of names) if (head.nameStartsWith(i, name)) return true
  return false
}

/** Names of the response fields that are dropped, indexed by the length of the name. @bound code */
const dropped: (readonly string[] | undefined)[] = []
for (const name of [
  'te',
  'date',
  'trailer',
  'upgrade',
  'connection',
  'dpop-nonce',
  'keep-alive',
  'x-request-id',
  'content-length',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authentication-info',
]) {
  dropped[name.length] = [...(dropped[name.length] ?? []), name]
}

/**
 * Returns the names of the response fields that `Connection` lists (RFC 9110 §7.6.1); `undefined` in the usual case of
 * an empty list.
 */
function connectionNames(head: ReplyHead): Set<string> | undefined {
  let names: Set<string> | undefined
  for (let i = 0; i < head.fieldCount; i++) {
    if (head.nameLength(i) !== 10 || !head.nameStartsWith(i, 'connection')) continue
    const value = head.value(i).toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    for (const part of value.split(',')) {
      const name = trimOptionalWhitespace(part)
      if (name === '' || name === 'close' || name === 'keep-alive') continue
      names ??= new Set()
      names.add(name)
    }
  }
  return names
}
