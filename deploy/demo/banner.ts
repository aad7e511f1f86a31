import { join, relative } from 'node:path'
import { commandFolder } from './admin-call.ts'
import type { Demo } from './demo.ts'
import { loopback, loopbackTls, type Ports } from './ports.ts'

/**
 * Text that lists the demo's processes with their addresses, and commands to try in a shell in the checkout.
 *
 * @param consoleUrl  one-time link to the console
 */
export function banner({ ports, state, redis }: Demo, seconds: string, consoleUrl: string): string {
  const gate = loopback(ports.gate)
  const flag = ports.offset === 0 ? '' : ` --port-offset ${ports.offset}`
  const folder = relative(process.cwd(), state.folder) || '.'
  const curl = `curl -i -H "Authorization: Bearer $TOKEN" ${gate}`
  return `
Gatehouse is up (${seconds} s). Ctrl-C stops all processes of the demo.

  gate      ${gate}  ${loopbackTls(ports.http2)}  (HTTP/2; two nodes share the ports)
  admin     ${ports.admin.map(loopback).join('  ')}  (/readyz, /metrics, /status, /api/v1)
  issuer    ${loopback(ports.issuer)}
  services  orders ${loopback(ports.orders)}  reports ${loopback(ports.reports)}  files ${loopback(ports.files)}
            demo.Orders (gRPC) ${loopback(ports.rpc)}
  redis     ${redis}
  worker    ${loopback(ports.worker)}  (/readyz)
  files     ${folder}/  (policy.yaml, node-1.yaml, node-2.yaml, logs)

Open the console: ${consoleUrl}
  (works once, within 5 minutes; another link: gatehouse demo console${flag})

Try, in another terminal:

  # put gatehouse on PATH, with address and token of the admin API
  eval "$(${relative(process.cwd(), join(commandFolder, 'gatehouse'))} demo env${flag})"

  # public route: any client is admitted
  curl -i ${gate}/public/hello

  # protected route: 401 without a token, then 200 with a token
  curl -i ${gate}/orders/1
  TOKEN=$(gatehouse demo token${flag})
  ${curl}/orders/1

  # the client reader is not allowed to write: 403 names the scope; the client writer is allowed
  ${curl}/orders -d '{"item":"tea"}'
  TOKEN=$(gatehouse demo token --client writer${flag})
  ${curl}/orders -d '{"item":"tea"}'

  # a user who logs in: alice has the role of order managers, bob does not and gets 403
  TOKEN=$(gatehouse demo token --user bob${flag})
  ${curl}/orders -d '{"item":"tea"}'

  # log in with a browser, and log out at the gate or at the issuer
  curl -i -H 'Accept: text/html' ${gate}/app/
  # open ${gate}/app/ , then ${gate}/.gatehouse/session and ${gate}/.gatehouse/logout

  # an opaque token: the gate introspects it at the issuer, and a worker refreshes the result before it expires
  TOKEN=$(gatehouse demo token --opaque${flag})
  ${curl}/orders/1
  gatehouse queues --config ${folder}/worker.yaml

  # operate the cluster: list the nodes, and revoke a token on both nodes
  gatehouse nodes
  gatehouse revoke --token "$TOKEN"
  ${curl}/orders/1
  gatehouse explain GET /orders/1 --token "$TOKEN"

  # streams end with their token: type lines, which come back, and revoke the token in another terminal, as above
  TOKEN=$(gatehouse demo token${flag})
  ${webSocketCommand(ports)}
  curl -N -H "Authorization: Bearer $TOKEN" ${gate}/stream/events

  # gRPC over HTTP/2: an order per second, until the token is revoked
  ${grpcCommand(ports)}

  # inspect past requests: refusals and their reasons, time per phase, and completeness of the audit log
  gatehouse audit search --decision refused --limit 5
  gatehouse traces --limit 5
  gatehouse audit verify

  # put your own service behind both nodes, here one on port 3000
  gatehouse demo add http://127.0.0.1:3000 --scope orders:read${flag}

  # change the policy: edit the file, compare it with the active revision, activate it on both nodes, undo the change
  $EDITOR ${folder}/policy.yaml
  gatehouse diff ${folder}/policy.yaml
  gatehouse apply ${folder}/policy.yaml
  gatehouse rollback

Decisions of the nodes and their reasons, and tokens of the issuer:
`
}

/** Shell command that watches an order over gRPC with the token in `$TOKEN`. */
export function grpcCommand({ offset }: Ports): string {
  const client = relative(process.cwd(), join(import.meta.dirname, 'grpc-client.ts'))
  return `npx node ${client} Watch 1 "$TOKEN"${offset === 0 ? '' : ` --port-offset ${offset}`}`
}

/** Shell command that opens the demo's WebSocket with the token in `$TOKEN`. `npx node` is the Node 24 of the checkout. */
export function webSocketCommand({ gate }: Ports): string {
  const client = relative(process.cwd(), join(import.meta.dirname, 'websocket-client.ts'))
  return `npx node ${client} ws://127.0.0.1:${gate}/stream/ws "$TOKEN"`
}
