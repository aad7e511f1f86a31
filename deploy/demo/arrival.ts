import type { JsonWebKey } from 'node:crypto'
import { expectEqual, expectTrue } from './expect.ts'
import { type Claims, readJwt, verifyJwt } from './jwt.ts'
import type { SeenRequest } from './seen.ts'

type Fields = SeenRequest['headers']

/** Who the service must have been told is asking. `undefined`: nobody is named. */
export type Identity = { readonly token: string; readonly roles: readonly string[] } | undefined

/** What the gate must have said of itself. */
export interface GateFacts {
  /** Its public URL. */
  readonly url: string
  /** Of the assertions, as it publishes them. */
  readonly keys: readonly JsonWebKey[]
  /** Issuer of the tokens. */
  readonly issuer: string
}

/** Fields that the tour sends along, and that must arrive as they are. */
export const luggage = { 'X-Tour': 'as it was', Cookie: 'a=1; b=2' }

/**
 * Judges the fields that a service received: the client's own, the gate's, and none by which a client could speak for
 * the gate.
 *
 * @throws {Error} naming what was expected and what came
 */
export function expectFields(what: string, fields: Fields, gate: GateFacts): void {
  const { host } = new URL(gate.url)
  const fixed: Readonly<Record<string, string>> = {
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
  const [id = '', ...ids] = valuesOf(fields, 'x-request-id')
  expectTrue(`one well-formed X-Request-Id on ${what}`, ids.length === 0 && /^[A-Za-z0-9._-]{1,128}$/.test(id))
  expectEqual(`Authorization that ${what} arrived with`, valuesOf(fields, 'authorization'), [])
}

/**
 * Judges how the gate named the one who asks: by one assertion under its own key, which says what the token said, to
 * this service only, and for a short time; or, for nobody, by no field at all.
 *
 * @throws {Error} naming what was expected and what came
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
  expectEqual(`identity fields that ${what} arrived with`, names, expectedNames)
  if (identity === undefined) return

  const { claims } = verifyJwt(stated[0]?.[1] ?? '', gate.keys)
  const { claims: told } = readJwt(identity.token)
  const expected = {
    iss: gate.url,
    aud: service,
    sub: told.sub,
    client_id: told.client_id,
    scope: sorted(told.scope),
    roles: identity.roles,
    token_issuer: gate.issuer,
  }
  const came = { ...claims, scope: sorted(claims.scope) }
  expectEqual(`assertion of ${what}`, pick(came, Object.keys(expected)), expected)
  expectTrue(`an assertion of ${what} with jti`, typeof claims.jti === 'string' && claims.jti !== '')
  expectLife(what, claims, Number(told.exp))
}

function expectLife(what: string, { iat, exp }: Claims, tokenExp: number): void {
  const [from, until, nowS] = [Number(iat), Number(exp), Date.now() / 1000]
  const lives = until - from <= 60 && until <= tokenExp && from <= nowS + 1 && until >= nowS - 1
  expectTrue(`an assertion of ${what} that lives now, at most 60 s, and no longer than the token`, lives)
}

/** All values of a field; the name in lower case. */
export function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
}

function sorted(scope: unknown): readonly string[] {
  return String(scope).split(' ').sort()
}

function pick(claims: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(names.map((name) => [name, claims[name]]))
}
