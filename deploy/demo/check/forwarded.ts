import type { JsonWebKey } from 'node:crypto'
import { type Claims, readJwt, verifyJwt } from '../jwt.ts'
import type { ReceivedRequest } from '../received-requests.ts'
import { expectEqual, expectTrue } from './expect.ts'

type Fields = ReceivedRequest['headers']

/** The caller that the gate must name to the service. `undefined`: the gate must not name a caller. */
export type Identity = { readonly token: string; readonly roles: readonly string[] } | undefined

/** Facts about the gate that its forwarded fields must state. */
export interface GateFacts {
  /** Public URL of the gate. */
  readonly url: string
  /** Published keys of the assertions. */
  readonly keys: readonly JsonWebKey[]
  /** Issuer of the tokens. */
  readonly issuer: string
}

/** Fields that every request of the check has, and that the service must receive unchanged. */
export const clientFields = { 'X-Check': 'unchanged', Cookie: 'a=1; b=2' }

/**
 * Checks the fields that a service received: those of the client, those of the gate, and no Authorization.
 *
 * @throws {Error} naming the expected and the actual value
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
 * Checks how the gate names the caller: by one assertion that the gate signed, with the claims of the token, for this
 * service only and for at most 60 s; or, on a public route, by no field.
 *
 * @throws {Error} naming the expected and the actual value
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

/** All values of a field. @param name  in lower case */
export function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
}

function sorted(scope: unknown): readonly string[] {
  return String(scope).split(' ').sort()
}

function pick(claims: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(names.map((name) => [name, claims[name]]))
}
