import { type Denial, denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import { steeringFields } from '../../base/statement-fields.ts'
import { FieldKind } from '../exchange/field-kind.ts'
import { hostName, isHost } from '../exchange/host.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import type { RequestLine } from '../exchange/request-line.ts'
import { isForeignIdentity, isUnlistedIdentity } from './check-removals.ts'
import { isCheckQuery } from './check-style.ts'
import type { MessageLine } from './message-line.ts'

/** The request for which a proxy requests a forward-auth check. */
export interface StatedRequest extends RequestLine {
  /** Host of the checked request in the form of the `Host` field; `undefined` when the proxy does not send the host. */
  readonly host: string | undefined
}

const incomplete = denial('check-incomplete')
const ambiguous = denial('check-ambiguous')
const steered = denial('check-steered')
const queryUnknown = denial('check-query')
const hostMalformed = denial('host-malformed')

type Stating = 'x-forwarded-method' | 'x-forwarded-uri' | 'x-forwarded-host' | 'x-original-method' | 'x-original-url'
const stating: ReadonlySet<string> = new Set<Stating>([
  'x-forwarded-method',
  'x-forwarded-uri',
  'x-forwarded-host',
  'x-original-method',
  'x-original-url',
])

const steering: ReadonlySet<string> = new Set(steeringFields)

const absolute = /^https?:\/\/([^/?#]*)(.*)$/i

/** Reasons for which `statedRequest` rejects a forward-auth check. */
export const statedRequestReasons = [
  'check-incomplete',
  'check-ambiguous',
  'check-steered',
  'check-query',
  'check-malformed',
  'head-too-large',
  'host-malformed',
] as const satisfies readonly Reason[]

type StatedRequestReason = (typeof statedRequestReasons)[number]

/**
 * Reads the checked request from `X-Forwarded-{Method,Uri,Host}`, from `X-Original-{Method,URL}`, or from the check's
 * own method and the path after the check path. Exactly one of the three forms must be complete, because a client could
 * set a field that the proxy does not set.
 *
 * The client's fields arrive with the check, and the proxy forwards them to the service. The gate cannot remove them.
 * The gate therefore refuses fields that a service could read as a different request or as set by the gate.
 *
 * @param asked  request line from the message of an ext_authz check; `undefined` for a check over HTTP. With a request
 *   line, all header fields come from the client. The proxy removes the fields that describe another request, except
 *   `X-Forwarded-Host`, which must equal the host of the message
 */
export function statedRequest(
  head: RequestHead,
  checkPath: string,
  asked: MessageLine | undefined,
): StatedRequest | Denial<StatedRequestReason> {
  if (asked !== undefined && 'reason' in asked) return asked
  const said = statements(head)
  if (!(said instanceof Map)) return said
  if (asked !== undefined) return withHost(asked, [head.host, said.get('x-forwarded-host')])
  if (head.target !== checkPath) return below(head, checkPath, said)
  if (!isCheckQuery(head.query)) return queryUnknown
  const url = said.get('x-original-url')
  const uri = said.get('x-forwarded-uri')
  if (url !== undefined) {
    if (uri !== undefined || said.has('x-forwarded-method')) return ambiguous
    const [, authority, rest = url] = absolute.exec(url) ?? []
    return stated(said.get('x-original-method'), rest, [authority, said.get('x-forwarded-host')])
  }
  if (uri === undefined) return incomplete
  if (said.has('x-original-method')) return ambiguous
  return stated(said.get('x-forwarded-method'), uri, [said.get('x-forwarded-host')])
}

function below(
  head: RequestHead,
  checkPath: string,
  said: ReadonlyMap<Stating, string>,
): StatedRequest | Denial<StatedRequestReason> {
  const host = said.get('x-forwarded-host')
  if (said.size > (host === undefined ? 0 : 1)) return ambiguous
  const { method, query } = head
  const line = { method, target: head.target.slice(checkPath.length), query }
  return withHost(line, [head.host, host])
}

function statements({ names, values, kinds }: RequestHead): Map<Stating, string> | Denial<StatedRequestReason> {
  const said = new Map<Stating, string>()
  for (let i = 0; i < names.length; i++) {
    if (kinds[i] !== FieldKind.dropped) continue
    const name = names[i]!
    if (steering.has(name) || isUnlistedIdentity(name) || !plainName.test(name)) return steered
    if (!stating.has(name)) continue
    if (said.has(name as Stating)) return ambiguous
    said.set(name as Stating, values[i]!)
  }
  return said
}

/**
 * Identity fields of other products that arrived with the forward-auth check. Their names are open-ended, so the gate
 * cannot list them for the proxy to remove. The check is refused unless the service accepts each of them
 * (`pass_headers`).
 */
export function foreignIdentities({ names, kinds }: RequestHead): string[] {
  return names.filter((name, i) => kinds[i] === FieldKind.dropped && isForeignIdentity(name))
}

/**
 * Matches a field name that is not an alias of another name, as `x_forwarded_host` is of `x-forwarded-host`. Some
 * services read an alias instead of the field that the proxy sets.
 */
const plainName = /^[0-9a-z-]+$/

function stated(
  method: string | undefined,
  target: string,
  hosts: readonly (string | undefined)[],
): StatedRequest | Denial<StatedRequestReason> {
  if (method === undefined) return incomplete
  const mark = target.indexOf('?')
  const line =
    mark === -1
      ? { method, target, query: undefined }
      : { method, target: target.slice(0, mark), query: target.slice(mark + 1) }
  return withHost(line, hosts)
}

/** Adds the host to the checked request. Requires equal hosts when the proxy states the host in two places. */
function withHost(
  line: RequestLine,
  hosts: readonly (string | undefined)[],
): StatedRequest | Denial<StatedRequestReason> {
  let host: string | undefined
  for (const each of hosts) {
    if (each === undefined) continue
    if (!isHost(each)) return hostMalformed
    if (host !== undefined && hostName(host) !== hostName(each)) return ambiguous
    host ??= each
  }
  return { ...line, host }
}
