import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuTimeUs } from '../harness/cpu.ts'
import type { LoadTarget } from '../harness/drive.ts'
import type { BenchIssuer } from '../harness/tokens.ts'

const CONNECTIONS = 16
const KNOWN_REQUESTS = 2000
const KNOWN_GAP_MS = 5

type Replies = Readonly<Record<number, number>>

export interface FloodResult {
  readonly tokens: number
  /**
   * Number of replies to forged tokens by status. 401: the gate verified the signature. 429: the gate rejected the
   * token without a verification.
   */
  readonly replies: Replies
  readonly cpu_us_per_refusal: number
  /** Number of replies by status during the flood, for a client at another address that uses a cached token. */
  readonly other_replies: Replies
}

/**
 * Sends distinct tokens with invalid signatures from one client address, and requests with a valid token from another
 * address.
 */
export async function flood(gate: LoadTarget, issuer: BenchIssuer, tokens: number): Promise<FloodResult> {
  const good = await issuer.token(0)
  const forged = Array.from({ length: tokens }, (_, n) => forgery(good, n))
  const other = new Client(gate.port, '127.0.0.2')
  const knownUs = await cpuOf(gate, async () => {
    for (let n = 0; n < KNOWN_REQUESTS; n++) await other.ask(good)
  })
  const before = other.replies[200] ?? 0

  const attacker = new Client(gate.port, '127.0.0.1')
  let over = false
  const usedUs = await cpuOf(gate, async () => {
    const others = (async () => {
      while (!over) {
        await other.ask(good)
        await sleep(KNOWN_GAP_MS)
      }
    })()
    const attack = async (): Promise<void> => {
      for (let token = forged.pop(); token !== undefined; token = forged.pop()) await attacker.ask(token)
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, attack))
    over = true
    await others
  })
  attacker.close()
  other.close()
  const served = (other.replies[200] ?? 0) - before
  const refusalsUs = usedUs - (knownUs / KNOWN_REQUESTS) * served
  return {
    tokens,
    replies: attacker.replies,
    cpu_us_per_refusal: Math.round((refusalsUs * 10) / tokens) / 10,
    other_replies: { ...other.replies, 200: served },
  }
}

/** Returns the valid token with a changed payload, so that its signature is invalid. */
function forgery(token: string, n: number): string {
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
  const forged = Buffer.from(JSON.stringify({ ...claims, jti: `forged-${n}` })).toString('base64url')
  return `${header}.${forged}.${signature}`
}

async function cpuOf(gate: LoadTarget, work: () => Promise<void>): Promise<number> {
  const before = cpuTimeUs(gate.pid)
  await work()
  return cpuTimeUs(gate.pid) - before
}

class Client {
  readonly replies: Record<number, number> = {}
  readonly #port: number
  readonly #agent: Agent

  constructor(port: number, localAddress: string) {
    this.#port = port
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, localAddress })
  }

  ask(token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` }
    return new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: this.#port, path: '/orders/1', headers, agent: this.#agent }, (response) => {
        const status = response.statusCode!
        this.replies[status] = (this.replies[status] ?? 0) + 1
        response.resume().once('end', resolve)
      })
        .once('error', reject)
        .end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
