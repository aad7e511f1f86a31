import { startIssuer, testAudience } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import type { TestNode } from '../kit/node.ts'
import { startUpstream } from '../kit/upstream.ts'

export const [issuer, first, second] = await Promise.all([startIssuer(), startUpstream(), startUpstream()])

interface PolicyWishes {
  readonly upstreams?: readonly string[]
  readonly scope?: string
  readonly main?: object
  readonly service?: object
  readonly routes?: readonly object[]
}

/** A policy of one service, whose route /orders demands a scope. */
export function policy({
  upstreams = [first.url],
  scope = 'orders:read',
  main,
  service,
  routes = [],
}: PolicyWishes = {}) {
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], ...main } },
    services: {
      orders: {
        upstreams,
        ...service,
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: [scope] } } }, ...routes],
      },
    },
  }
}

export const publicRoute = (id: string) => ({ id, match: { path: `/${id}` }, require: 'public' })

/** Replaces the policy and waits until it is in force. */
export async function swap(node: TestNode, next: object | string): Promise<LogRecord> {
  const seen = node.log.length
  const revision = node.writePolicy(next)
  node.signal('SIGHUP')
  return later(node, seen, (line) => line['msg'] === 'policy changed' && line['revision'] === revision)
}

/** The first line after the first `seen` of which `wanted` is true. */
export function later(node: TestNode, seen: number, wanted: (line: LogRecord) => boolean): Promise<LogRecord> {
  return node.waitForLine((line) => wanted(line) && node.log.indexOf(line) >= seen)
}
