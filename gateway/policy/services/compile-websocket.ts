import type { ReportProblem } from '../report-problem.ts'
import type { RouteWebSocket } from '../snapshot.ts'
import type { RouteEntry } from './route-entry.ts'

/** Compiles `websocket` of a route. @param at  path of the key in the policy */
export function compileWebSocket(
  { id, require, websocket }: RouteEntry,
  methods: ReadonlySet<string>,
  at: readonly (string | number)[],
  report: ReportProblem,
): RouteWebSocket | undefined {
  if (websocket === undefined) return undefined
  const { origins, subprotocols, max_message, token_in_protocol } = websocket
  if (!methods.has('GET')) {
    report('GH_POLICY_WEBSOCKET', `route ${id} does not match GET, the method of WebSocket handshakes`, at)
  }
  if (require === 'public' && token_in_protocol) {
    const message = `route ${id} is public, so that no token is read from the subprotocols`
    report('GH_POLICY_WEBSOCKET', message, [...at, 'token_in_protocol'])
  }
  return Object.freeze({
    origins: new Set(origins),
    subprotocols: subprotocols && new Set(subprotocols),
    maxMessageBytes: max_message,
    tokenInProtocol: token_in_protocol,
  })
}
