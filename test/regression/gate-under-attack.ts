import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode } from '../kit/node.ts'
import { exchange, type RawExchange, request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import { type ReceivedRequest, startUpstream, type TestUpstream } from '../kit/upstream.ts'
import type { Bytes } from '../kit/wire.ts'
import { type RecordedRequest, type RecordingUpstream, recordingUpstream } from './recording-upstream.ts'

type Entry = Readonly<Record<string, unknown>>

interface GateOptions {
  /** Further services of the policy, besides `orders` and `raw`. */
  readonly services?: Entry
  /**
   * Keys that override keys in the policy entry of the service `orders`. `rawEntry` does the same for the service
   * `raw`.
   */
  readonly ordersEntry?: Entry
  readonly rawEntry?: Entry
  /** Settings that override the settings of the test node, by top-level key. */
  readonly settings?: Entry
}

/** Log records and requests that the gate and its services recorded during one piece of work. */
export interface Witnessed {
  /** Access log records of the node. */
  readonly records: readonly LogRecord[]
  /** Requests received by the service `orders`, parsed by node:http. */
  readonly requests: readonly ReceivedRequest[]
  /** Requests received by the service `raw`, recorded byte for byte. */
  readonly recorded: readonly RecordedRequest[]
}

export interface Attack extends RawExchange, Witnessed {}

export const scope = (...all: readonly string[]) => ({ scopes: { all } })

/** The policy of every `GateUnderAttack`: two public routes and two routes that need a token. */
function basePolicy(
  [issuer, orders, raw]: readonly [TestIssuer, TestUpstream, RecordingUpstream],
  { services, ordersEntry, rawEntry }: GateOptions,
): object {
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: {
        upstreams: [orders.url],
        routes: [
          { id: 'orders', match: { path: '/orders/**' }, require: scope('orders:read') },
          { id: 'admin', match: { path: '/admin/**' }, require: scope('orders:admin') },
          { id: 'public', match: { path: '/public/**' }, require: 'public', body: { max: '1MiB' } },
        ],
        ...ordersEntry,
      },
      raw: {
        upstreams: [raw.url],
        routes: [{ id: 'raw', match: { path: '/raw/**' }, require: 'public' }],
        ...rawEntry,
      },
      ...services,
    },
  }
}

/** A running node between an attacker and two services that record every request they receive. */
export class GateUnderAttack {
  readonly node: TestNode
  readonly issuer: TestIssuer
  readonly orders: TestUpstream
  readonly raw: RecordingUpstream
  readonly #asked = new Set<unknown>()
  #fences = 0

  private constructor(node: TestNode, issuer: TestIssuer, orders: TestUpstream, raw: RecordingUpstream) {
    this.node = node
    this.issuer = issuer
    this.orders = orders
    this.raw = raw
  }

  /** Starts a node, an issuer and two services, which stop after the tests of the file. */
  static async start(options: GateOptions = {}): Promise<GateUnderAttack> {
    const parts = await Promise.all([startIssuer(), startUpstream(), recordingUpstream()])
    const node = await startNode({ policy: basePolicy(parts, options), settings: options.settings ?? {} })
    return new GateUnderAttack(node, ...parts)
  }

  get port(): number {
    return this.node.port
  }

  token(...scopes: readonly string[]): string {
    return this.issuer.sign({ claims: { scope: scopes.join(' ') } })
  }

  /** Sends a request whose log record does not matter. Faster than `attack`; `witness` leaves the log record out. */
  async ask(bytes: Bytes): Promise<RawReply> {
    const reply = await request(this.port, bytes)
    this.#asked.add(reply.field('x-request-id'))
    return reply
  }

  /** Sends bytes over a new connection. @returns the replies, and everything that the gate and its services recorded */
  async attack(bytes: Bytes | readonly Bytes[], options: Parameters<typeof exchange>[2] = {}): Promise<Attack> {
    const { result, ...seen } = await this.witness(() => exchange(this.port, bytes, options))
    return { ...result, ...seen }
  }

  /**
   * Sends many attacks one after another and waits for the log once, because the node writes its log only every 100 ms.
   * Records are assigned to attacks by the Host of the request and by the id in the replies. A request that is rejected
   * before its Host is read is logged without a host.
   *
   * @throws {Error} when a record or request belongs to no attack
   */
  async attackAll(
    attacks: readonly ((host: string) => Bytes | readonly Bytes[])[],
    options: Parameters<typeof exchange>[2] = {},
  ): Promise<readonly Attack[]> {
    const hosts = attacks.map((_, index) => `attack-${index}.test`)
    const { result, ...seen } = await this.witness(async () => {
      const exchanges: RawExchange[] = []
      for (const [index, attack] of attacks.entries()) {
        exchanges.push(await exchange(this.port, attack(hosts[index]!), options))
      }
      return exchanges
    })
    const attributed = result.map((exchanged, index) => ({ ...exchanged, ...partOf(seen, hosts[index]!, exchanged) }))
    for (const kind of ['records', 'requests', 'recorded'] as const) {
      const stray = seen[kind].filter((one) => !attributed.some((attack) => (attack[kind] as unknown[]).includes(one)))
      if (stray.length > 0) throw new Error(`no attack caused ${JSON.stringify(stray)}`)
    }
    return attributed
  }

  /**
   * Runs `work` and returns everything that the gate and its services recorded during `work`. A test must send every
   * request through `witness` or `ask`: other requests would appear in the records of the next test.
   *
   * After `work`, one more request (the fence) goes to each service. The node writes its access log in order and has a
   * record for every exchange, so an exchange without a record before that of the fence did not happen.
   */
  async witness<T>(work: () => Promise<T>): Promise<Witnessed & { readonly result: T }> {
    const before = [this.node.accessLog().length, this.orders.requests.length, this.raw.requests.length] as const
    const result = await work()
    await Promise.all([this.#fence('/public/fence'), this.#fence('/raw/fence')])
    return {
      result,
      records: this.node
        .accessLog()
        .slice(before[0])
        .filter(({ path, id }) => !String(path).endsWith('/fence') && !this.#asked.has(id)),
      requests: this.orders.requests.slice(before[1]).filter(({ url }) => url !== '/public/fence'),
      recorded: this.raw.requests.slice(before[2]).filter(({ head }) => !head.startsWith('GET /raw/fence ')),
    }
  }

  async #fence(target: string): Promise<void> {
    const id = `fence-${this.#fences++}`
    const reply = await request(this.port, requestBytes({ target, fields: [['X-Request-Id', id]] }))
    if (reply.status !== 200) throw new Error(`the next client got ${reply.status}: ${reply.text}`)
    await this.node.waitForRecord((record) => record['id'] === id)
  }
}

function partOf({ records, requests, recorded }: Witnessed, host: string, { replies }: RawExchange): Witnessed {
  const ids = new Set<unknown>(replies.map((reply) => reply.field('x-request-id')))
  return {
    records: records.filter((record) => record['host'] === host || ids.has(record['id'])),
    requests: requests.filter((request) => request.all('host')[0] === host),
    recorded: recorded.filter(({ head }) => head.includes(`\r\nhost: ${host}\r\n`)),
  }
}

/**
 * Returns a function that returns the attack of one table row. The first call of the function sends all attacks of the
 * table.
 *
 * @param names  unique names of the rows
 */
export function together(
  gate: () => GateUnderAttack,
  names: readonly string[],
  bytes: (name: string, host: string) => Bytes | readonly Bytes[],
): (name: string) => Promise<Attack> {
  let attributed: Promise<readonly Attack[]> | undefined
  return async (name) => {
    attributed ??= gate().attackAll(names.map((one) => (host) => bytes(one, host)))
    const attack = (await attributed)[names.indexOf(name)]
    if (attack === undefined) throw new Error(`no row is called ${name}`)
    return attack
  }
}
