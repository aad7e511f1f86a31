import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode, type TestNode } from '../kit/node.ts'

interface TokenNode {
  readonly node: TestNode
  /** A token that has the scope required by every route. */
  readonly token: string
}

interface TokenNodeOptions {
  /** Keys that override those of the policy entry of the service. */
  readonly entry?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Starts a node with one service `s` at `/s/**` that requires a token. The node stops after the tests of the file. */
export async function startTokenNode(upstream: string, { entry, settings }: TokenNodeOptions = {}): Promise<TokenNode> {
  const issuer = await startIssuer()
  const node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        s: {
          upstreams: [upstream],
          routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
          ...entry,
        },
      },
    },
    settings: settings ?? {},
  })
  return { node, token: issuer.sign() }
}
