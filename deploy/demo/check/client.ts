import { createHash, type JsonWebKey, randomBytes } from 'node:crypto'
import { requestTokens, type TokenRequest, type Tokens } from '../grants.ts'
import { callHttp, type DemoCall, type DemoReply } from '../http-call.ts'
import { loopback, type Ports } from '../ports.ts'
import type { ReceivedRequest } from '../received-requests.ts'
import type { Echo } from '../service.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { type ExpectedRefusal, expectRefusal } from './expected-refusal.ts'
import { clientFields, expectFields, expectIdentity, type GateFacts, type Identity, valuesOf } from './forwarded.ts'

/** Request that the demo check sends to the gate; default method: GET. */
export interface CheckRequest extends Omit<DemoCall, 'port' | 'method'> {
  readonly method?: string
  readonly token?: string | undefined
}

export interface CheckReply extends DemoReply {
  readonly target: string
  /**
   * Random text in the URL. The demo check finds the request by this text in the lists of requests that the services
   * received.
   */
  readonly marker: string
  readonly id: string
}

/**
 * HTTP client of the demo check. It sends requests to the gate and compares them with the requests that the services
 * received.
 */
export class CheckClient {
  readonly ports: Ports
  /** Public URL of the gate. */
  readonly gate: string
  /**
   * Status by request id, for all requests that this client sent to the gate. Later steps expect each of these requests
   * exactly once in the access logs and in the audit log.
   */
  readonly exchanges = new Map<string, number>()
  readonly #tokens = new Map<string, Promise<Tokens>>()

  constructor(ports: Ports) {
    this.ports = ports
    this.gate = loopback(ports.gate)
  }

  /** Requests tokens from the issuer. A second call with equal parameters returns the same tokens. */
  tokens(request: TokenRequest): Promise<Tokens> {
    const key = JSON.stringify(request)
    const tokens = this.#tokens.get(key) ?? requestTokens(this.ports, request)
    this.#tokens.set(key, tokens)
    return tokens
  }

  async token(request: TokenRequest): Promise<string> {
    return (await this.tokens(request)).accessToken
  }

  async send(request: CheckRequest): Promise<CheckReply> {
    const { method = 'GET', token } = request
    const marker = randomBytes(9).toString('hex')
    const target = `${request.target}${request.target.includes('?') ? '&' : '?'}check=${marker}`
    const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const fields = { ...clientFields, ...authorization, ...request.fields }
    const reply = await callHttp({ ...request, method, target, fields, port: this.ports.gate })
    const id = reply.field('x-request-id') ?? ''
    if (id !== '') this.exchanges.set(id, reply.status)
    return { ...reply, target, marker, id }
  }

  /** Expects that the gate refuses the request with exactly this refusal, and that no service receives the request. */
  async expectRefused(request: CheckRequest, refusal: ExpectedRefusal): Promise<CheckReply> {
    const { method = 'GET', target } = request
    const what = `${method} ${target}`
    const reply = await this.send(request)
    const id = expectRefusal(what, reply, refusal, { method, target }, this.gate)
    if (id !== undefined) this.exchanges.set(id, refusal.status)
    const services = (await this.received(reply.marker)).map(({ service }) => service)
    expectEqual(`services that received ${what}, which was refused`, services, [])
    return reply
  }

  /**
   * Expects status 200, and that exactly this service receives the request, once, unchanged and with the identity of
   * the caller.
   */
  async expectAdmitted(request: CheckRequest, service: string, identity: Identity): Promise<CheckReply> {
    const { method = 'GET', body } = request
    const what = `${method} ${request.target}`
    const reply = await this.send(request)
    expectEqual(`status of ${what}`, reply.status, 200)
    const received = await this.expectReceived(what, reply.marker, service, identity)
    expectEqual(`${what} as received`, [received.method, received.url], [method, reply.target])
    expectEqual(`X-Request-Id of the reply to ${what}`, [reply.id], valuesOf(received.headers, 'x-request-id'))
    if (method === 'HEAD') expectEqual(`bytes in the reply to ${what}`, reply.body.length, 0)
    else if (body === undefined || Buffer.isBuffer(body)) expectEcho(what, reply, received, body ?? Buffer.alloc(0))
    return reply
  }

  /** Expects that exactly this service received a request with this marker, once, with the identity of the caller. */
  async expectReceived(what: string, marker: string, service: string, identity: Identity): Promise<ReceivedRequest> {
    const [received, ...again] = await this.received(marker)
    expectTrue(`that a service receives ${what}`, received !== undefined)
    expectEqual(`repetitions of ${what}`, again.length, 0)
    expectEqual(`service that received ${what}`, received.service, service)
    const gate = await this.#gateFacts()
    expectFields(what, received.headers, gate)
    expectIdentity(what, received.headers, service, identity, gate)
    return received
  }

  async #gateFacts(): Promise<GateFacts> {
    const { keys } = (await this.fetchJson(`${this.gate}/.well-known/gatehouse/jwks.json`)) as { keys: JsonWebKey[] }
    return { url: this.gate, keys, issuer: loopback(this.ports.issuer) }
  }

  /**
   * Lists the requests that services received with this marker in the URL. Calls each service directly, not through the
   * gate.
   */
  async received(marker: string): Promise<readonly (ReceivedRequest & { service: string })[]> {
    const { orders, reports, files } = this.ports
    const lists = await Promise.all(
      Object.entries({ orders, reports, files }).map(async ([service, port]) => {
        const list = await this.fetchJson(`${loopback(port)}/demo/received?containing=${marker}`)
        return (list as readonly ReceivedRequest[]).map((request) => ({ ...request, service }))
      }),
    )
    return lists.flat()
  }

  async fetchJson(url: string): Promise<unknown> {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    expectEqual(`status of ${url}`, response.status, 200)
    return response.json()
  }
}

/** Compares the request that the demo check sent with the reply of a service, which describes the received request. */
function expectEcho(what: string, reply: CheckReply, received: ReceivedRequest, sent: Buffer): void {
  const echo = JSON.parse(reply.body.toString()) as Echo
  expectEqual(`echo of ${what}`, [echo.method, echo.url], [received.method, received.url])
  expectEqual(`body of ${what} as received`, echo.body, { bytes: sent.length, sha256: sha256([sent]) })
}

export function sha256(pieces: Iterable<Buffer>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}
