import { relative } from 'node:path'
import type { Demo } from './demo.ts'
import { loopback } from './ports.ts'

/** Text that lists the demo's processes with their addresses, and commands to try in a shell in the checkout. */
export function banner({ ports, state, redis }: Demo, seconds: string): string {
  const gate = loopback(ports.gate)
  const flag = ports.offset === 0 ? '' : ` --port-offset ${ports.offset}`
  const folder = relative(process.cwd(), state.folder) || '.'
  const curl = `curl -i -H "Authorization: Bearer $TOKEN" ${gate}`
  return `
Gatehouse is up (${seconds} s). Ctrl-C ends it and all that it started.

  gate      ${gate}  (two nodes share it)
  admin     ${ports.admin.map(loopback).join('  ')}  (/readyz, /metrics, /status, /api/v1)
  issuer    ${loopback(ports.issuer)}
  services  orders ${loopback(ports.orders)}  reports ${loopback(ports.reports)}  files ${loopback(ports.files)}
  redis     ${redis}
  worker    ${loopback(ports.worker)}  (/readyz)
  files     ${folder}/  (policy.yaml, node-1.yaml, node-2.yaml, logs)

Try, in another terminal:

  # public: any client
  curl -i ${gate}/public/hello

  # protected: 401 without a token, then 200 with one
  curl -i ${gate}/orders/1
  TOKEN=$(npx gatehouse demo token${flag})
  ${curl}/orders/1

  # the reader may not write: 403 names the scope; the writer may
  ${curl}/orders -d '{"item":"tea"}'
  TOKEN=$(npx gatehouse demo token --client writer${flag})
  ${curl}/orders -d '{"item":"tea"}'

  # a user, by a real login: alice is an order manager, bob is not
  TOKEN=$(npx gatehouse demo token --user bob${flag})
  ${curl}/orders -d '{"item":"tea"}'

  # log in with a browser, and out again: here, or at the issuer
  curl -i -H 'Accept: text/html' ${gate}/app/
  # open ${gate}/app/ , then ${gate}/.gatehouse/session and ${gate}/.gatehouse/logout

  # a token that says nothing of itself: the gate asks the issuer, a worker asks again ahead of time
  TOKEN=$(npx gatehouse demo token --opaque${flag})
  ${curl}/orders/1
  npx gatehouse queues --config ${folder}/worker.yaml

  # steer the nodes: who is there; end a token, on both at once
  eval "$(npx gatehouse demo env${flag})"
  npx gatehouse nodes
  npx gatehouse revoke --token "$TOKEN" --wait
  ${curl}/orders/1
  npx gatehouse explain GET /orders/1 --token "$TOKEN"

  # look back: who was refused and why, where the time went, that no record is missing
  npx gatehouse audit search --decision refused --limit 5
  npx gatehouse traces --limit 5
  npx gatehouse audit verify

  # the policy is live: edit it, and watch
  $EDITOR ${folder}/policy.yaml

Decisions and their reasons:
`
}
