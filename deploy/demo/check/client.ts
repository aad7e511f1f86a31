import type { JsonWebKey } from 'node:crypto'
import { callAdmin } from '../admin-call.ts'
import { requestTokens, type TokenRequest } from '../grants.ts'
import { callHttp, type DemoCall, type DemoReply } from '../http-call.ts'
import { readJwt, verifyJwt } from '../jwt.ts'
import { loopback, type Ports } from '../ports.ts'
import type { Echo } from '../service.ts'
import { expectEqual } from './expect.ts'

/** Request that the demo check sends to the gate; default method: GET. */
export interface CheckRequest extends Partial<DemoCall> {
  readonly target: string
  readonly token?: string | undefined
}

/** Client of the gate, of the issuer and of the admin API for the steps of the demo check. */
export class CheckClient {
  readonly ports: Ports
  /** Public URL of the gate. */
  readonly gate: string
  /** Request ids of the exchanges of this client. The audit log must contain each of them. */
  readonly requestIds = new Set<string>()

  constructor(ports: Ports) {
    this.ports = ports
    this.gate = loopback(ports.gate)
  }

  /** Requests a new access token from the issuer. */
  async token(request: TokenRequest): Promise<string> {
    return (await requestTokens(this.ports, request)).accessToken
  }

  async send({ token, ...request }: CheckRequest): Promise<DemoReply> {
    const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const fields = { ...authorization, ...request.fields }
    const reply = await callHttp({ method: 'GET', ...request, fields, port: this.ports.gate })
    this.requestIds.add(reply.field('x-request-id') ?? '')
    return reply
  }

  /** Expects that the gate refuses the request with this status and this `code` in the problem document (RFC 9457). */
  async expectRefused(request: CheckRequest, status: number, code: string): Promise<void> {
    const reply = await this.send(request)
    const what = `status and code of ${request.method ?? 'GET'} ${request.target}`
    expectEqual(what, [reply.status, reply.status < 400 ? undefined : documentIn(reply)['code']], [status, code])
  }

  /** Expects that the service receives the request with an assertion that names the caller of `token`, signed by the gate. */
  async expectAdmitted(request: CheckRequest, service: string, roles: readonly string[] = []): Promise<void> {
    const { method = 'GET', target, token } = request
    const reply = await this.send(request)
    expectEqual(`status of ${method} ${target}`, reply.status, 200)
    const { headers, ...echo } = documentIn(reply) as unknown as Echo
    expectEqual(`${method} ${target} as received`, [echo.service, echo.method, echo.url], [service, method, target])
    const fields = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]))
    expectEqual('Authorization as received', fields.get('authorization'), undefined)
    const assertion = fields.get('x-gatehouse-jwt-assertion')
    if (token === undefined) return expectEqual('assertion for a public route', assertion, undefined)
    const keySet = documentIn(await this.send({ target: '/.well-known/gatehouse/jwks.json' }))
    const { claims } = verifyJwt(assertion ?? '', keySet['keys'] as JsonWebKey[])
    const { iss, aud, sub } = claims
    expectEqual('assertion', [iss, aud, sub, claims['roles']], [this.gate, service, subjectIn(token), roles])
  }

  /** Calls the admin API of a node. @param index  0 or 1 */
  admin(index: 0 | 1, target: string, token: string | undefined, document?: object): Promise<DemoReply> {
    const method = document === undefined ? 'GET' : 'POST'
    const optional = { ...(token !== undefined && { token }), ...(document !== undefined && { document }) }
    return callAdmin({ port: this.ports.admin[index], target: `/api/v1/${target}`, method, ...optional })
  }
}

export const subjectIn = (token: string): string => String(readJwt(token).claims['sub'])

function documentIn({ body }: DemoReply): Readonly<Record<string, unknown>> {
  return JSON.parse(body.toString()) as Readonly<Record<string, unknown>>
}
