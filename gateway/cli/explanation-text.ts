import { reasons } from '../base/reasons.ts'
import type { Explanation, RequirementVerdict } from '../explain/explanation.ts'
import type { LimitView } from '../explain/limit-view.ts'
import type { ListedRoute } from '../explain/nearest-routes.ts'
import type { ServiceView } from '../explain/service-view.ts'
import { bucketText } from './bucket-text.ts'

/** One line of the printed explanation: a label and a text. */
type Row = readonly [label: string, text: string]

/**
 * Formats an explanation for people: the decision and its reason, what to do first, what decided, and at the end the
 * request and the phases.
 */
export function explanationLines(explanation: Explanation): string[] {
  const { signature, first_step } = explanation
  const rows: Row[] = [
    ...(first_step === null ? [] : [['do first', first_step] as const]),
    ...routeRows(explanation),
    ...requirementRows(explanation),
    ...tokenRows(explanation),
    ...sessionRows(explanation),
    ...(signature === null ? [] : [['', `signature: ${signature}`] as const]),
    ...under('limits', (explanation.limits ?? []).map(limitLine)),
    ...outageRows(explanation),
    ...replyRows(explanation),
    ...serviceRows(explanation.service_receives),
    ...requestRows(explanation),
  ]
  return [headline(explanation), '', ...aligned(rows)]
}

function headline({ decision, reason, why, signature, reply }: Explanation): string {
  if (decision === 'admitted' && signature === 'not checked') {
    return 'admitted only if the signature of the token is valid: it was not checked (with --jwks FILE it is)'
  }
  const told = reply === null ? '' : `${reply.status} ${reply.code}, ${reason}: `
  return `${decision}: ${told}${why}`
}

function aligned(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`)
}

/** Makes one row of an explanation per line, with a label in the first row only. */
function under(label: string, lines: readonly string[]): Row[] {
  return lines.map((line, i) => [i === 0 ? label : '', line])
}

function requestRows({ request, phases, node, revision }: Explanation): Row[] {
  const { method, host, path, http_version, address, at } = request
  return [
    ['request', `${method} for host ${host} over HTTP/${http_version}, from ${address}, at ${at}`],
    ['path', path === null ? 'invalid: it has no normal form' : `${path} (normal form)`],
    ['phases', phases.join(', ')],
    ['policy', node === null ? `revision ${revision}` : `revision ${revision}, active on node ${node}`],
  ]
}

function routeRows({ route, nearest, addresses }: Explanation): Row[] {
  const rows: Row[] = []
  if (route !== null) rows.push(['route', routeText(route)])
  rows.push(...under('nearest', nearest.map(routeText)))
  if (addresses !== null) {
    const { listed, permitted } = addresses
    rows.push([
      'addresses',
      listed
        ? `the address lists of the route ${permitted ? 'admit' : 'reject'} this address`
        : 'the route has no address lists',
    ])
  }
  return rows
}

function routeText({ id, service, host, path, methods }: ListedRoute): string {
  return `${id} of service ${service}: ${methods.join(' ')} ${host ?? ''}${path}`
}

function tokenRows({ token, session, route, requirement, phases }: Explanation): Row[] {
  if (session !== null) return []
  if (token === null) {
    if (!phases.includes('read-credential')) return []
    return [
      [
        'token',
        route !== null && requirement === null ? 'not read: the route is public' : 'no usable token in the request',
      ],
    ]
  }
  const checks = token.checks.map(({ check, verdict, reason, detail }) => {
    const flaw = reason === null ? '' : `  ${reason}: ${reasons[reason].why}`
    return `${check.padEnd(9)}  ${verdict.padEnd(11)}${flaw}${detail === null ? '' : `  (${detail})`}`.trimEnd()
  })
  const ignored = token.ignored_keys.map(({ kid, why }) => `key ${kid ?? 'without kid'} is not used: ${why}`)
  const rows = under('token', [...checks, ...ignored])
  if (token.claims === null) return rows
  const { subject, client, scopes, roles } = token.claims
  const said = [`subject ${subject}`, `client ${client ?? '-'}`, `scopes ${listed(scopes)}`, `roles ${listed(roles)}`]
  return [...rows, ['', said.join(', ')]]
}

function sessionRows({ session }: Explanation): Row[] {
  if (session === null) return []
  const { id, subject, issuer, claims_at, claims, scopes, roles, ends_at } = session
  const user = `subject ${subject} at ${issuer}, scopes ${listed(scopes)}, roles ${listed(roles)}`
  const stated = `claims ${listed(claims)}, stated by the issuer at ${claims_at ?? '-'}`
  return under('session', [`${id}, ends at ${ends_at ?? '-'}`, user, stated])
}

const listed = (names: readonly string[]): string => (names.length === 0 ? '-' : names.join(' '))

function requirementRows({ requirement, shadow, route }: Explanation): Row[] {
  if (route === null) return []
  const enforced = requirement === null ? ['nothing: the route is public'] : verdictLines(requirement, 0)
  const triedOut =
    shadow === null ? [] : [`would be: ${shadow.verdict ?? 'not reached'}`, ...verdictLines(shadow.requirement, 0)]
  return [...under('requires', enforced), ...under('shadow', triedOut)]
}

function outageRows({ on_outage: outage }: Explanation): Row[] {
  if (outage === null) return []
  return [
    [
      'outage',
      Object.entries(outage)
        .map(([key, value]) => `${key} ${value}`)
        .join(', '),
    ],
  ]
}

function verdictLines({ demand, met, reason, parts }: RequirementVerdict, depth: number): string[] {
  const verdict = met === null ? 'not reached' : met ? 'met' : 'not met'
  const line = `${verdict.padEnd(11)}  ${'  '.repeat(depth)}${demand}${reason === null ? '' : `  (${reason})`}`
  return [line, ...parts.flatMap((part) => verdictLines(part, depth + 1))]
}

function limitLine(view: LimitView): string {
  const { limit, by, bucket, requests, messages, window_ms, cost, mode, shadow, used, held } = view
  if (messages !== null) {
    return `${limit}  ${messages} messages in ${window_ms / 1000} s by ${by.join(', ')}, counted by each node on open WebSockets`
  }
  const counts = cost === 1 ? '' : `, counts as ${cost}`
  const triedOut = shadow ? ', in shadow mode, not enforced' : ''
  const counted =
    used === null
      ? ''
      : `, ${used} of ${requests} used${held ? `, ${held} of them held by nodes as unused permits` : ''}`
  const window = bucket === null ? 'not reached' : `window of ${bucketText(bucket)}: not charged${counted}`
  return `${limit}  ${requests} in ${window_ms / 1000} s by ${by.join(', ')}, ${mode}${counts}${triedOut}; ${window}`
}

function serviceRows(view: ServiceView | null): Row[] {
  if (view === null) return []
  const { method, path, query, upstreams, credential, fields, assertion } = view
  const lines = fields.map(({ name, value, from }) => {
    const hidden = name === credential.field && credential.type !== 'token' ? `(${credential.type})` : undefined
    const shown = value ?? hidden ?? (from === 'client' ? '(as the client sent it)' : '(generated for each exchange)')
    return `${name}: ${shown}`
  })
  const target = `${method} ${path}${query === null ? '' : '?(as the client sent it)'} at ${upstreams.join(' or ')}`
  const rows = under('service gets', [target, ...lines])
  return assertion === null ? rows : [...rows, ...under('assertion', [JSON.stringify(assertion)])]
}

function replyRows({ reply, fault }: Explanation): Row[] {
  if (reply === null) return [['reply', 'the reply of the service']]
  const { status, grpc_status, code, challenge, fields, closes } = reply
  const asGrpc = grpc_status === null ? '' : `, for a gRPC client grpc-status ${grpc_status} with HTTP status 200`
  const lines = [`${status} ${code}${asGrpc}${closes ? ', and the connection is closed' : ''}`]
  if (challenge !== null) lines.push(`www-authenticate: ${challenge}`)
  const rows = under('reply', [...lines, ...fields.map(([name, value]) => `${name}: ${value}`)])
  return fault === null ? rows : [...rows, ['fault', fault]]
}
