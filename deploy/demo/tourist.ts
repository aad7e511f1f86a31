import { createHash, type JsonWebKey, randomBytes } from 'node:crypto'
import { expectFields, expectIdentity, type GateFacts, type Identity, luggage, valuesOf } from './arrival.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { type ExpectedRefusal, expectRefusal } from './expected-refusal.ts'
import { requestTokens, type TokenRequest, type Tokens } from './grants.ts'
import { callHttp, type DemoCall, type DemoReply } from './http-call.ts'
import { loopback, type Ports } from './ports.ts'
import type { SeenRequest } from './seen.ts'
import type { Echo } from './service.ts'

export interface Visit extends Omit<DemoCall, 'port'> {
  readonly token?: string
}

/** A reply to a visit, with what identifies the request everywhere. */
export interface TourAnswer extends DemoReply {
  readonly target: string
  /** Stands in the URL: a service that has seen it was reached. */
  readonly marker: string
}

/** Makes requests through the gate, and judges what came of them by what the services really saw. */
export class Tourist {
  readonly ports: Ports
  /** Public URL of the gate. */
  readonly gate: string
  /** Ids of the exchanges that were judged, with their status: the access logs must have each once. */
  readonly exchanges = new Map<string, number>()
  readonly #tokens = new Map<string, Promise<Tokens>>()

  constructor(ports: Ports) {
    this.ports = ports
    this.gate = loopback(ports.gate)
  }

  /** Tokens for the request; the same ones for the same request. */
  tokens(request: TokenRequest): Promise<Tokens> {
    const key = JSON.stringify(request)
    const made = this.#tokens.get(key) ?? requestTokens(this.ports, request)
    this.#tokens.set(key, made)
    return made
  }

  async token(request: TokenRequest): Promise<string> {
    return (await this.tokens(request)).accessToken
  }

  /** The call that a visit is, marked. */
  prepare(visit: Visit): { call: DemoCall; target: string; marker: string } {
    const marker = randomBytes(9).toString('hex')
    const target = `${visit.target}${visit.target.includes('?') ? '&' : '?'}tour=${marker}`
    const authorization = visit.token === undefined ? {} : { Authorization: `Bearer ${visit.token}` }
    const fields = { ...luggage, ...authorization, ...visit.fields }
    return { call: { ...visit, target, fields, port: this.ports.gate }, target, marker }
  }

  async visit(visit: Visit): Promise<TourAnswer> {
    const { call, target, marker } = this.prepare(visit)
    return { ...(await callHttp(call)), target, marker }
  }

  /** Makes a visit that must be refused in exactly this way, and must reach no service. */
  async isRefused(visit: Visit, refusal: ExpectedRefusal): Promise<TourAnswer> {
    const answer = await this.visit(visit)
    const what = `${visit.method} ${visit.target}`
    const id = expectRefusal(what, answer, refusal, visit, this.gate)
    if (id !== undefined) this.exchanges.set(id, refusal.status)
    const reached = (await this.seen(answer.marker)).map(({ service }) => service)
    expectEqual(`services that ${what} reached, though refused`, reached, [])
    return answer
  }

  /** Makes a visit that must be let in, and must have reached the service once, unchanged, and saying who asks. */
  async isAdmitted(visit: Visit, service: string, identity: Identity): Promise<TourAnswer> {
    const answer = await this.visit(visit)
    const what = `${visit.method} ${visit.target}`
    expectEqual(`status of ${what}`, answer.status, 200)
    const [arrived, ...again] = await this.seen(answer.marker)
    expectTrue(`that ${what} reached a service`, arrived !== undefined)
    expectEqual(`further arrivals of ${what}`, again.length, 0)
    const { method, url, headers } = arrived
    expectEqual(`what ${what} arrived as`, [arrived.service, method, url], [service, visit.method, answer.target])
    const gate = await this.#gateFacts()
    expectFields(what, headers, gate)
    expectIdentity(what, headers, service, identity, gate)
    if (visit.method === 'HEAD') expectEqual(`bytes in the reply to ${what}`, answer.body.length, 0)
    else expectEcho(what, answer, arrived, visit)
    this.#expectReplyFields(what, answer, valuesOf(headers, 'x-request-id')[0])
    return answer
  }

  #expectReplyFields(what: string, answer: TourAnswer, id: string | undefined): void {
    expectEqual(`X-Request-Id of the reply to ${what}`, answer.field('x-request-id'), id)
    const counts = [answer.count('x-request-id'), answer.count('date')]
    expectEqual(`fields X-Request-Id and Date in the reply to ${what}`, counts, [1, 1])
    // The service says Keep-Alive on its own connection; that is not the client's.
    expectEqual(`Keep-Alive in the reply to ${what}`, answer.field('keep-alive'), undefined)
    this.noteExchange(answer)
  }

  /** The access logs must have it. */
  noteExchange(answer: TourAnswer): void {
    this.exchanges.set(answer.field('x-request-id') ?? '', answer.status)
  }

  async #gateFacts(): Promise<GateFacts> {
    const { keys } = (await this.fetchJson(`${this.gate}/.well-known/gatehouse/jwks.json`)) as { keys: JsonWebKey[] }
    return { url: this.gate, keys, issuer: loopback(this.ports.issuer) }
  }

  /** The requests that any service saw with this marker in their URL. Asked directly, not through the gate. */
  async seen(marker: string): Promise<readonly (SeenRequest & { service: string })[]> {
    const { orders, reports, files } = this.ports
    const lists = await Promise.all(
      Object.entries({ orders, reports, files }).map(async ([service, port]) => {
        const list = await this.fetchJson(`${loopback(port)}/demo/seen?containing=${marker}`)
        return (list as readonly SeenRequest[]).map((request) => ({ ...request, service }))
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

/** The service answers with what it got: it must have got what was sent. */
function expectEcho(what: string, answer: TourAnswer, arrived: SeenRequest & { service: string }, visit: Visit): void {
  const echo = JSON.parse(answer.body.toString()) as Echo
  const sent = Buffer.isBuffer(visit.body) ? visit.body : Buffer.alloc(0)
  const { service, method, url, headers } = arrived
  expectEqual(`echo of ${what}`, [echo.service, echo.method, echo.url], [service, method, url])
  expectEqual(`body that ${what} arrived with`, echo.body, { bytes: sent.length, sha256: sha256(sent) })
  expectEqual(`fields in the echo of ${what}`, echo.headers, headers)
}

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
