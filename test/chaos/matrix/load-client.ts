import { Agent, request } from 'undici'
import type { Evidence } from './evidence.ts'
import type { ChaosWorld, WorldNode } from './world.ts'

/** Time after which a client gives up, ms. It is longer than `first_byte` and `connect` of the policy together. */
const PATIENCE_MS = 6000

interface LoadCall {
  readonly node: WorldNode
  readonly kind: string
  /** First segment of the path. Default: `kind`. */
  readonly route?: string
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly method?: 'GET' | 'POST'
  readonly forbidden?: string | undefined
}

/** Sends requests through the client relays, and records each result. */
export class LoadClient {
  evidence: Evidence
  readonly #agents = new Map<string, Agent>()
  #requests = 0

  constructor(evidence: Evidence) {
    this.evidence = evidence
  }

  /** Sends one request. @returns the status; 0 without a reply */
  async call({ node, kind, route = kind, subject, headers, method = 'GET', forbidden }: LoadCall): Promise<number> {
    const { evidence } = this
    const startedMs = Date.now()
    const path = `/${route}/${node.name}/${++this.#requests}`
    const { status, code, servedMs } = await this.#reply(node, path, method, headers)
    const endedMs = Date.now()
    evidence.exchanges.push({ kind, node: node.name, subject, startedMs, endedMs, status, code, servedMs, forbidden })
    return status
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
  }

  async #reply(node: WorldNode, path: string, method: 'GET' | 'POST', headers: Readonly<Record<string, string>>) {
    try {
      const reply = await request(`http://127.0.0.1:${node.clients.port}${path}`, {
        method,
        headers,
        body: method === 'POST' ? 'one small body' : null,
        dispatcher: this.#agentOf(node),
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      const document = JSON.parse((await reply.body.text()) || '{}') as { sentMs?: number; code?: string }
      return { status: reply.statusCode, code: document.code ?? '', servedMs: document.sentMs }
    } catch {
      return { status: 0, code: '', servedMs: undefined }
    }
  }

  #agentOf({ name }: WorldNode): Agent {
    const known = this.#agents.get(name)
    if (known !== undefined) return known
    const agent = new Agent({ connections: 24 })
    this.#agents.set(name, agent)
    return agent
  }
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` }
}

/** Returns a node at random, also one that is down. */
export function someNode(world: ChaosWorld, random: () => number): WorldNode {
  return world.nodes[Math.floor(random() * world.nodes.length)]!
}
