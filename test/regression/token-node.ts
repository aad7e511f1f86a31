import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode, type TestNode } from '../kit/node.ts'

interface TokenNode {
  readonly node: TestNode
  /** Good on every route. */
  readonly token: string
}

interface TokenNodeOptions {
  /** Laid over the entry of the service. */
  readonly entry?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/** A node with one service, `s`, below `/s`, where every request needs a token. It stops when the file's tests are over. */
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
