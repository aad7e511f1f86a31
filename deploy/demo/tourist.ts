import { createHash, type JsonWebKey, randomBytes } from 'node:crypto'
import { expectEqual, expectTrue } from './expect.ts'
import { requestTokens, type TokenRequest, type Tokens } from './grants.ts'
import { callHttp, type HttpCall, type HttpReply } from './http-call.ts'
import { type Claims, readJwt, verifyJwt } from './jwt.ts'
import { loopback, type Ports } from './ports.ts'
import type { SeenRequest } from './seen.ts'
import type { Echo } from './service.ts'

export interface Visit extends Omit<HttpCall, 'port'> {
  readonly token?: string
}

/** A reply of the gate, with what identifies the request everywhere. */
export interface Answer extends HttpReply {
  readonly visit: Visit
  readonly target: string
  /** Stands in the URL: a service that has seen it was reached. */
  readonly marker: string
}

export interface Refusal {
  readonly status: number
  /** Member `code` of the problem document (RFC 9457). */
  readonly code: string
  /** Parameters of the Bearer challenge beside `resource_metadata`; left out: there is no challenge. */
  readonly challenge?: Readonly<Record<string, string>>
}

/** What the service must have been told about who is asking. `undefined`: nobody is named. */
export type Identity = { readonly token: string; readonly roles: readonly string[] } | undefined

/** Fields that the tourist sends along, and that must arrive as they are. */
const luggage = { 'X-Tour': 'as it was', Cookie: 'a=1; b=2' }

/** Makes requests through the gate, and judges what came of them by what the services really saw. */
export class Tourist {
  readonly ports: Ports
  readonly gate: string
  /** Ids of all exchanges that were answered, with the status: the access logs must have each once. */
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
  prepare(visit: Visit): { call: HttpCall; target: string; marker: string } {
    const marker = randomBytes(9).toString('hex')
    const target = `${visit.target}${visit.target.includes('?') ? '&' : '?'}tour=${marker}`
    const authorization = visit.token === undefined ? {} : { Authorization: `Bearer ${visit.token}` }
    const fields = { ...luggage, ...authorization, ...visit.fields }
    return { call: { ...visit, target, fields, port: this.ports.gate }, target, marker }
  }

  async visit(visit: Visit): Promise<Answer> {
    const { call, target, marker } = this.prepare(visit)
    const reply = await callHttp(call)
    return { ...reply, visit, target, marker }
  }

  /** Makes a visit that must be refused in exactly this way, and must reach no service. */
  async isRefused(visit: Visit, refusal: Refusal): Promise<Answer> {
    const answer = await this.visit(visit)
    const what = `${visit.method} ${visit.target}`
    expectEqual(`status of ${what}`, answer.status, refusal.status)
    if (visit.method === 'HEAD') expectEqual(`bytes in the reply to ${what}`, answer.body.length, 0)
    else this.#expectProblem(what, answer, refusal)
    expectEqual(`WWW-Authenticate of ${what}`, challengeOf(answer), this.#challengeFor(visit, refusal))
    const reached = await this.seen(answer.marker)
    expectEqual(
      `services that ${what} reached, though refused`,
      reached.map(({ service }) => service),
      [],
    )
    return answer
  }

  #expectProblem(what: string, answer: Answer, { status, code }: Refusal): void {
    expectEqual(`Content-Type of the refusal of ${what}`, answer.field('content-type'), 'application/problem+json')
    const problem = JSON.parse(answer.body.toString()) as Claims
    expectEqual(`problem document of ${what}`, [problem.status, problem.code], [status, code])
    expectTrue(
      `a problem document of ${what} with type, title and instance`,
      hasText(problem, ['type', 'title', 'instance']),
    )
    this.exchanges.set(String(problem.instance), status)
  }

  #challengeFor({ target }: Visit, { challenge }: Refusal): Readonly<Record<string, string>> | undefined {
    if (challenge === undefined) return undefined
    const [path] = target.split('?')
    return { ...challenge, resource_metadata: `${this.gate}/.well-known/oauth-protected-resource${path}` }
  }

  /** Makes a visit that must be let in, and must have reached the service once, unchanged, and saying who asks. */
  async isAdmitted(visit: Visit, service: string, identity: Identity): Promise<Answer> {
    const answer = await this.visit(visit)
    const what = `${visit.method} ${visit.target}`
    expectEqual(`status of ${what}`, answer.status, 200)
    const [arrived, ...again] = await this.seen(answer.marker)
    expectTrue(`that ${what} reached a service`, arrived !== undefined)
    expectEqual(`further arrivals of ${what}`, again.length, 0)
    expectEqual(`service that ${what} reached`, arrived.service, service)
    expectEqual(`what ${what} arrived as`, [arrived.method, arrived.url], [visit.method, answer.target])
    await this.#expectFields(what, arrived.headers, identity, visit)
    if (visit.method === 'HEAD') expectEqual(`bytes in the reply to ${what}`, answer.body.length, 0)
    else await this.#expectEcho(what, answer, service, arrived)
    this.expectReplyFields(what, answer, arrived.headers)
    return answer
  }

  async #expectEcho(what: string, answer: Answer, service: string, arrived: SeenRequest): Promise<void> {
    const echo = JSON.parse(answer.body.toString()) as Echo
    const sent = Buffer.isBuffer(answer.visit.body) ? answer.visit.body : Buffer.alloc(0)
    const body = { bytes: sent.length, sha256: sha256(sent) }
    expectEqual(`echo of ${what}`, [echo.service, echo.method, echo.url], [service, arrived.method, arrived.url])
    expectEqual(`body that ${what} arrived with`, echo.body, body)
    expectEqual(`fields in the echo of ${what}`, echo.headers, arrived.headers)
  }

  /** The gate's own fields in a reply that came from a service. */
  expectReplyFields(what: string, reply: HttpReply, arrived: SeenRequest['headers']): void {
    const id = reply.field('x-request-id')
    expectEqual(`X-Request-Id of the reply to ${what}`, id, valuesOf(arrived, 'x-request-id')[0])
    expectEqual(
      `fields X-Request-Id and Date in the reply to ${what}`,
      [reply.count('x-request-id'), reply.count('date')],
      [1, 1],
    )
    // The service says Keep-Alive on its own connection; that is not the client's.
    expectEqual(`Keep-Alive in the reply to ${what}`, reply.field('keep-alive'), undefined)
    this.exchanges.set(String(id), reply.status)
  }

  async #expectFields(what: string, fields: SeenRequest['headers'], identity: Identity, visit: Visit): Promise<void> {
    const host = `127.0.0.1:${this.ports.gate}`
    const fixed: Record<string, string> = {
      host,
      'x-tour': luggage['X-Tour'],
      cookie: luggage.Cookie,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      forwarded: `for=127.0.0.1;host="${host}";proto=http`,
      via: '1.1 gatehouse',
    }
    for (const [name, value] of Object.entries(fixed)) {
      expectEqual(`${name} that ${what} arrived with`, valuesOf(fields, name), [value])
    }
    const [id, ...ids] = valuesOf(fields, 'x-request-id')
    expectTrue(`one well-formed X-Request-Id on ${what}`, ids.length === 0 && /^[A-Za-z0-9._-]{1,128}$/.test(id ?? ''))
    expectEqual(`Authorization that ${what} arrived with`, valuesOf(fields, 'authorization'), [])
    const stated = fields.filter(([name]) => /^x[-_.]gatehouse/i.test(name))
    expectEqual(`identity fields that ${what} arrived with`, stated.length, identity === undefined ? 0 : 1)
    if (identity === undefined) return
    expectEqual(`name of the identity field of ${what}`, stated[0]?.[0].toLowerCase(), 'x-gatehouse-jwt-assertion')
    await this.#expectAssertion(what, stated[0]?.[1] ?? '', identity, visit)
  }

  /** The assertion says what the token said, to this service, for a short time, under the gate's own key. */
  async #expectAssertion(
    what: string,
    assertion: string,
    { token, roles }: NonNullable<Identity>,
    visit: Visit,
  ): Promise<void> {
    const { claims } = verifyJwt(assertion, await this.#gateKeys())
    const { claims: told } = readJwt(token)
    const [, room = ''] = visit.target.split(/[/?]/)
    const expected = {
      iss: this.gate,
      aud: serviceOf(room),
      sub: told.sub,
      client_id: told.client_id,
      scope: sorted(told.scope),
      roles,
      token_issuer: loopback(this.ports.issuer),
    }
    const came = { ...claims, scope: sorted(claims.scope) }
    expectEqual(`assertion of ${what}`, pick(came, Object.keys(expected)), expected)
    const { iat, exp, jti } = claims as Record<string, number | undefined>
    const nowS = Date.now() / 1000
    expectTrue(
      `an assertion of ${what} with iat, exp and jti`,
      iat !== undefined && exp !== undefined && jti !== undefined,
    )
    const lives = exp - iat <= 60 && exp <= Number(told.exp) && iat <= nowS + 1 && exp >= nowS - 1
    expectTrue(`an assertion of ${what} that lives now, at most 60 s, and no longer than the token`, lives)
  }

  async #gateKeys(): Promise<readonly JsonWebKey[]> {
    return ((await this.fetchJson(`${this.gate}/.well-known/gatehouse/jwks.json`)) as { keys: JsonWebKey[] }).keys
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

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

export function valuesOf(fields: SeenRequest['headers'], name: string): readonly string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
}

/** The parameters of a Bearer challenge (RFC 6750 §3); `undefined` when there is no challenge. */
function challengeOf(answer: Answer): Readonly<Record<string, string>> | undefined {
  const field = answer.field('www-authenticate')
  if (field === undefined) return undefined
  expectTrue(
    'one challenge, of the scheme Bearer',
    answer.count('www-authenticate') === 1 && field.startsWith('Bearer '),
  )
  return Object.fromEntries([...field.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
}

function serviceOf(room: string): string {
  return ['files', 'stream', 'public'].includes(room) ? 'files' : room === 'reports' ? 'reports' : 'orders'
}

function sorted(scope: unknown): readonly string[] {
  return String(scope).split(' ').sort()
}

function pick(claims: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(names.map((name) => [name, claims[name]]))
}

function hasText(problem: Claims, names: readonly string[]): boolean {
  return names.every((name) => typeof problem[name] === 'string' && problem[name] !== '')
}
