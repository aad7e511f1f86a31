import type { JsonWebKey } from 'node:crypto'
import { type Claims, readJwt, verifyJwt } from '../jwt.ts'
import type { ReceivedRequest } from '../received-requests.ts'
import { expectEqual, expectTrue } from './expect.ts'

type Fields = ReceivedRequest['headers']

/** Caller whom the assertion for the service must name. `undefined`: the service must receive no assertion. */
export type Identity = { readonly token: string; readonly roles: readonly string[] } | undefined

/** Facts about the gate: the header fields that the gate adds to requests must agree with them. */
export interface GateFacts {
  /** Public URL of the gate. */
  readonly url: string
  /** Public keys of the gate's assertions, from its key set. */
  readonly keys: readonly JsonWebKey[]
  /** Issuer of the access tokens. */
  readonly issuer: string
}

/** Header fields that every request of the demo check has. The service must receive them unchanged. */
export const clientFields = { 'X-Check': 'unchanged', Cookie: 'a=1; b=2' }

/**
 * Checks the header fields that a service received: the client's fields and the gate's fields are present,
 * `Authorization` is absent.
 *
 * @throws {Error} with the expected and the actual value
 */
export function expectFields(what: string, fields: Fields, gate: GateFacts): void {
  const { host } = new URL(gate.url)
  const fixed: Readonly<Record<string, string>> = {
    host,
    'x-check': clientFields['X-Check'],
    cookie: clientFields.Cookie,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': host,
    'x-forwarded-proto': 'http',
    forwarded: `for=127.0.0.1;host="${host}";proto=http`,
    via: '1.1 gatehouse',
  }
  for (const [name, value] of Object.entries(fixed)) {
    expectEqual(`${name} of ${what} as received`, valuesOf(fields, name), [value])
  }
  const [id = '', ...ids] = valuesOf(fields, 'x-request-id')
  expectTrue(`one well-formed X-Request-Id on ${what}`, ids.length === 0 && /^[A-Za-z0-9._-]{1,128}$/.test(id))
  expectEqual(`Authorization of ${what} as received`, valuesOf(fields, 'authorization'), [])
}

/**
 * Checks the assertion that a service received: exactly one, signed by the gate, with subject, client and scope of the
 * access token, with the expected roles, for this service only, valid for at most 60 s and no longer than the token. On
 * a public route, the service must receive no assertion.
 *
 * @throws {Error} with the expected and the actual value
 */
export function expectIdentity(
  what: string,
  fields: Fields,
  service: string,
  identity: Identity,
  gate: GateFacts,
): void {
  const stated = fields.filter(([name]) => /^x[-_.]gatehouse/i.test(name))
  const names = stated.map(([name]) => name.toLowerCase())
  const expectedNames = identity === undefined ? [] : ['x-gatehouse-jwt-assertion']
  expectEqual(`identity fields of ${what} as received`, names, expectedNames)
  if (identity === undefined) return

  const { claims } = verifyJwt(stated[0]?.[1] ?? '', gate.keys)
  const { claims: ofToken } = readJwt(identity.token)
  const expected = {
    iss: gate.url,
    aud: service,
    sub: ofToken.sub,
    client_id: ofToken.client_id,
    scope: sorted(ofToken.scope),
    roles: identity.roles,
    token_issuer: gate.issuer,
  }
  const actual = { ...claims, scope: sorted(claims.scope) }
  expectEqual(`assertion of ${what}`, pick(actual, Object.keys(expected)), expected)
  expectTrue(`an assertion of ${what} with jti`, typeof claims.jti === 'string' && claims.jti !== '')
  expectLife(what, claims, Number(ofToken.exp))
}

function expectLife(what: string, { iat, exp }: Claims, tokenExp: number): void {
  const [from, until, nowS] = [Number(iat), Number(exp), Date.now() / 1000]
  const lives = until - from <= 60 && until <= tokenExp && from <= nowS + 1 && until >= nowS - 1
  expectTrue(`an assertion of ${what} that lives now, at most 60 s, and no longer than the token`, lives)
}

/** Returns all values of a header field. @param name  name of the field in lower case */
export function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
}

function sorted(scope: unknown): readonly string[] {
  return String(scope).split(' ').sort()
}

function pick(claims: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(names.map((name) => [name, claims[name]]))
}
