import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'

interface TokenNode<N> {
  readonly node: N
  /** A token that has the scope required by every route. */
  readonly token: string
}

interface TokenNodeOptions {
  /** Keys that override those of the policy entry of the service. */
  readonly entry?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Starts a node with one service `s` at `/s/**` that requires a token. The node stops after the tests of the file. */
export function startTokenNode(upstream: string, options: TokenNodeOptions = {}): Promise<TokenNode<TestNode>> {
  return startWith(startNode, upstream, options)
}

/** Starts a node like `startTokenNode`, with its own process. */
export function startTokenProcess(upstream: string, options: TokenNodeOptions = {}): Promise<TokenNode<NodeProcess>> {
  return startWith(startNodeProcess, upstream, options)
}

async function startWith<N>(
  start: (options: NodeOptions) => Promise<N>,
  upstream: string,
  { entry, settings = {} }: TokenNodeOptions,
): Promise<TokenNode<N>> {
  const issuer = await startIssuer()
  const routes = [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }]
  const node = await start({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: { s: { upstreams: [upstream], routes, ...entry } },
    },
    settings,
  })
  return { node, token: issuer.sign() }
}
