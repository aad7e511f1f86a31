import type { MessageLimit } from '../../base/message-limit.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { RouteWebSocket } from '../snapshot.ts'
import type { RouteEntry } from './route-entry.ts'

/** Compiles `websocket` of a route. @param route  path of the route in the policy */
export function compileWebSocket(
  entry: RouteEntry,
  methods: ReadonlySet<string>,
  route: readonly (string | number)[],
  report: ReportProblem,
): RouteWebSocket | undefined {
  const { id, require, websocket } = entry
  const at = [...route, 'websocket']
  const messageLimits = compileMessageLimits(entry, [...route, 'limits'], report)
  if (websocket === undefined) return undefined
  const { origins, subprotocols, max_message, token_in_protocol } = websocket
  if (!methods.has('GET')) {
    report('GH_POLICY_WEBSOCKET', `route ${id} does not match GET, the method of WebSocket handshakes`, at)
  }
  if (require === 'public' && token_in_protocol) {
    const message = `has no effect: route ${id} is public, so the gate reads no token`
    const hint = 'remove token_in_protocol, or require a token on the route'
    report('GH_POLICY_WEBSOCKET', message, [...at, 'token_in_protocol'], hint)
  }
  return Object.freeze({
    origins: new Set(origins),
    subprotocols: subprotocols && new Set(subprotocols),
    maxMessageBytes: max_message,
    tokenInProtocol: token_in_protocol,
    messageLimits,
  })
}

function compileMessageLimits(
  { id, require, websocket, limits }: RouteEntry,
  at: readonly (string | number)[],
  report: ReportProblem,
): MessageLimit[] {
  const compiled: MessageLimit[] = []
  for (const [i, { name, by, requests, messages, window: windowMs, cost, burst, mode, shadow }] of limits.entries()) {
    if (messages === undefined || requests !== undefined) continue
    const fault = (message: string): void =>
      report('GH_POLICY_LIMIT', `limit ${name} counts messages, ${message}`, [...at, i])
    if (websocket === undefined) fault(`but route ${id} has no websocket`)
    if (require === 'public') fault(`but route ${id} is public, so its messages have no subject`)
    if (by !== 'subject') fault('which needs by: subject')
    if (cost !== 1 || burst !== undefined || mode !== 'auto' || shadow) {
      fault('for which cost, burst, mode and shadow are not available')
    }
    compiled.push(Object.freeze({ label: `route/${id}/${name}`, messages, windowMs }))
  }
  return compiled
}
