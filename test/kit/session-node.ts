import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../deploy/guard.ts'
import type { NewSession, OpenedSession, SessionListing, SessionSelector } from '../../gateway/sessions/session.ts'
import type { EndedSessions } from '../../gateway/sessions/sessions.ts'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { LogLines } from './log-lines.ts'
import { foundEpoch } from './node-cluster.ts'
import { NodeFolder } from './node-folder.ts'
import { programPath } from './programs.ts'
import { redisSettingsFor, testLink } from './redis.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'
import { type RefreshProvider, sessionClient } from './refresh-provider.ts'

const startLimitMs = 50_000
const endLimitMs = 50_000
const PATIENCE = 60
const PAUSE_MS = 300

/**
 * Steps at which a refresh can be stopped. `leased`: the process has taken the lease. `answered`: the issuer has
 * replied.
 */
export type Step = 'leased' | 'answered'

export type Order = { readonly id: number } & (
  | { readonly kind: 'create'; readonly input: NewSession }
  | { readonly kind: 'use'; readonly cookie: string; readonly times: number }
  | { readonly kind: 'replace'; readonly cookie: string; readonly input: NewSession }
  | { readonly kind: 'end'; readonly selector: SessionSelector }
  | { readonly kind: 'list'; readonly selector: SessionSelector }
  | { readonly kind: 'stop-at'; readonly step: Step | undefined }
  | { readonly kind: 'counts' }
  | { readonly kind: 'close' }
)

export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/**
 * Result of using a session: the session, `none` (no such session), `over` (the session ended at the refresh), or the
 * reason of a fault.
 */
export type Use = { readonly id: string; readonly version: number; readonly accessToken: string } | string

export interface SessionCounts {
  readonly granted: number
  readonly taken: number
  readonly refused: number
  readonly failed: number
  readonly held: number
}

type Wanted = Order extends infer Each ? (Each extends Order ? Omit<Each, 'id'> : never) : never

/** A process with login sessions as in a node. It executes the orders of a test. */
export class SessionNode {
  readonly folder = new NodeFolder()
  readonly #process: ChildProcess
  readonly #out: LogLines
  readonly #exited: Promise<unknown>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #said = new Map<string, () => void>()
  #last = 0

  constructor({ policy, settings, provider, env, leaseMs }: SessionNodeParts) {
    this.folder.writePolicy(policy)
    this.folder.writeSettings(settings)
    const credentials = `${sessionClient.id}:${sessionClient.secret}`
    const args = [this.folder.file('gatehouse.yaml'), provider.tokenUrl, credentials, `${leaseMs}`]
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    this.#process = fork(programPath('session-process'), args, {
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      execArgv: [...redisDeadlineWords(patientMs)],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    this.#out = new LogLines(this.#process.stdout!)
    this.#process.on('message', (answer: Answer) => {
      if (answer.id === 0) this.#said.get(String(answer.value))?.()
      else this.#waiting.get(answer.id)?.(answer)
    })
    const release = guard(this.#process.pid!)
    this.#exited = once(this.#process, 'close').finally(release)
  }

  get text(): string {
    return this.#out.text.join('\n')
  }

  /** Waits until the process reports that it is ready, or that a refresh has reached a step. */
  says(what: 'ready' | Step, limitMs = startLimitMs): Promise<void> {
    return within(limitMs, `"${what}"; the log is\n${this.text}`, new Promise((said) => this.#said.set(what, said)))
  }

  create(input: NewSession): Promise<OpenedSession> {
    return this.#patient({ kind: 'create', input }) as Promise<OpenedSession>
  }

  /**
   * Uses the session `times` times concurrently, as exchanges do. A use that fails because Redis missed its deadline
   * (busy machine) is repeated.
   */
  async use(cookie: string, times = 1): Promise<Use[]> {
    const uses: Use[] = []
    for (let left = PATIENCE; ; left--) {
      const more = await this.useNow(cookie, times - uses.length)
      uses.push(...more.filter((use) => left === 0 || use !== 'store-unavailable'))
      if (uses.length === times) return uses
      await sleep(PAUSE_MS)
    }
  }

  /** Uses the session `times` times concurrently, and does not repeat failed uses. */
  useNow(cookie: string, times = 1): Promise<Use[]> {
    return this.#order({ kind: 'use', cookie, times }) as Promise<Use[]>
  }

  replace(cookie: string, input: NewSession): Promise<OpenedSession> {
    return this.#patient({ kind: 'replace', cookie, input }) as Promise<OpenedSession>
  }

  /** Ends sessions, and waits until every node enforces their end. */
  end(selector: SessionSelector): Promise<EndedSessions> {
    return this.#patient({ kind: 'end', selector }) as Promise<EndedSessions>
  }

  list(selector: SessionSelector): Promise<SessionListing[]> {
    return this.#patient({ kind: 'list', selector }) as Promise<SessionListing[]>
  }

  stopAt(step: Step | undefined): Promise<unknown> {
    return this.#order({ kind: 'stop-at', step })
  }

  counts(): Promise<SessionCounts> {
    return this.#order({ kind: 'counts' }) as Promise<SessionCounts>
  }

  close(): Promise<unknown> {
    return this.#order({ kind: 'close' })
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await within(endLimitMs, 'the end of a process', this.#exited)
  }

  /**
   * Repeats an order when Redis missed the deadline of a call (busy machine). Each of these orders has the same result
   * when repeated.
   */
  async #patient(order: Wanted): Promise<unknown> {
    for (let left = PATIENCE; ; left--) {
      try {
        return await this.#order(order)
      } catch (error) {
        if (left === 0 || !String(error).includes('store-unavailable')) throw error
        await sleep(PAUSE_MS)
      }
    }
  }

  #order(order: Wanted): Promise<unknown> {
    const id = ++this.#last
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => (error === undefined ? resolve(value) : reject(new Error(error))))
    })
    this.#process.send({ ...order, id })
    const died = this.#exited.then(() => Promise.reject(new Error('the process has ended')))
    return within(60_000, `an answer to ${order.kind}`, Promise.race([answered, died])).finally(() =>
      this.#waiting.delete(id),
    )
  }
}

interface SessionNodeParts {
  readonly policy: object
  readonly settings: Readonly<Record<string, unknown>>
  readonly provider: RefreshProvider
  readonly env: Readonly<Record<string, string>>
  readonly leaseMs: number
}

interface SessionNodesOptions {
  readonly nodes: number
  readonly provider: RefreshProvider
  readonly redisPort: number
  readonly prefix?: string
  /** Entry `keys.encryption` of the settings; the first key encrypts. */
  readonly keys?: readonly TestKey[]
  /** Duration of the lease for a refresh, ms. Default 5000. */
  readonly leaseMs?: number
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface TestKey {
  readonly id: string
  readonly secret: string
}

export function encryptionKey(id: string): TestKey {
  return { id, secret: randomBytes(32).toString('base64url') }
}

/** A policy with one service, which requires a login session at the provider. */
export function sessionPolicy({ url }: RefreshProvider): object {
  const login = { client_id: sessionClient.id, client_secret: { env: 'CLIENT_SECRET' } }
  return {
    version: 1,
    issuers: { main: { issuer: url, audience: ['https://api.test'], login } },
    services: {
      s: {
        upstreams: ['http://127.0.0.1:9'],
        routes: [{ id: 'r', match: { path: '/**' }, require: { session: 'main' } }],
      },
    },
  }
}

/** Environment variables with the secrets to which the policy and the settings with these keys refer. */
export function sessionSecrets(keys: readonly TestKey[]): Readonly<Record<string, string>> {
  const secrets = keys.map(({ id, secret }) => [`KEY_${id}`, secret])
  return { CLIENT_SECRET: sessionClient.secret, ...Object.fromEntries(secrets) }
}

/** Returns the entries `redis` and `keys` of the settings. */
export function sessionSettings(redisPort: number, prefix: string, keys: readonly TestKey[]): object {
  return {
    redis: { url: `redis://127.0.0.1:${redisPort}`, prefix },
    keys: { encryption: keys.map(({ id }) => ({ id, secret: { env: `KEY_${id}` } })) },
  }
}

let started = 0

/** Starts processes with login sessions that share one Redis. Processes with another prefix share no data with them. */
export async function startSessionNodes(options: SessionNodesOptions): Promise<SessionNode[]> {
  const { nodes: count, provider, redisPort, prefix = 'gh:', keys = [encryptionKey('k')] } = options
  const { leaseMs = 5000, settings = {} } = options
  const link = await testLink(redisSettingsFor(redisPort, { prefix }))
  await foundEpoch(link)
  const policy = sessionPolicy(provider)
  const nodes = Array.from({ length: count }, () => {
    const node = new SessionNode({
      policy,
      settings: {
        node: { id: `n${++started}` },
        ...sessionSettings(redisPort, prefix, keys),
        revocation: { max_staleness: '5s' },
        ...settings,
      },
      provider,
      env: sessionSecrets(keys),
      leaseMs,
    })
    atEnd(async () => {
      await node.kill()
      node.folder.remove()
    })
    return node
  })
  await Promise.all(nodes.map((node) => node.says('ready')))
  return nodes
}

/** Returns a new login of alice whose access token expires in `leftS` seconds. */
export async function loginOf(
  provider: RefreshProvider,
  { leftS = 600, ...more }: Partial<NewSession> & { readonly leftS?: number } = {},
): Promise<NewSession> {
  return {
    issuer: provider.url,
    subject: 'alice',
    providerSid: undefined,
    acr: undefined,
    authTimeS: undefined,
    claims: { name: 'Alice' },
    device: { address: '192.0.2.7', userAgent: 'Mozilla/5.0 (test)' },
    lifetime: { idleMs: 1_800_000, absoluteMs: 43_200_000 },
    begunAfterMs: Date.now(),
    ...more,
    tokens: {
      accessToken: `first-${randomBytes(16).toString('base64url')}`,
      refreshToken: await provider.refreshToken(),
      idToken: undefined,
      accessExpiresAtS: Math.floor(Date.now() / 1000) + leftS,
      scope: 'openid offline_access',
      ...more.tokens,
    },
  }
}
