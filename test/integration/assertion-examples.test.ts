// The examples of docs/guide/howto/assertion.md accept an assertion of a real node, and nothing else.

import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { importJWK, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { documented } from '../kit/documented.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { startProgram } from '../kit/server-program.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { TestNode } from '../kit/test-node.ts'

const page = 'guide/howto/assertion.md'
const modules = resolve(import.meta.dirname, '../../node_modules')
const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import jwt, cryptography']).status === 0,
)

interface Example {
  readonly name: string
  /** Language of the code block, as it stands on the page. */
  readonly language: string
  readonly file: string
  /** Program that runs the file; `undefined` when it is not installed. */
  readonly command: string | undefined
  readonly port: number
}

const examples: Example[] = [
  { name: 'Node.js', language: 'js jose', file: 'service.mjs', command: process.execPath, port: freePort() },
  { name: 'Python', language: 'python pyjwt', file: 'service.py', command: python, port: freePort() },
]
const runnable = examples.filter(({ command }) => command !== undefined)

let issuer: TestIssuer
let node: TestNode
let key: JWK & { readonly kid: string }

beforeAll(async () => {
  issuer = await startIssuer()
  const service = (port: number) => ({ orders: `http://127.0.0.1:${port}`, issuer: issuer.url })
  const { services, ...policy } = testPolicy(service(examples[0]!.port)) as { services: { orders: object } }
  const routes = runnable.map(({ file }) => ({
    id: file,
    match: { path: `/${file}` },
    require: { scopes: { all: ['orders:read'] } },
  }))
  const of = (port: number) => ({ ...services.orders, upstreams: [`http://127.0.0.1:${port}`] })
  const [first, ...others] = runnable.map(({ port, file }, i) => [
    i === 0 ? 'orders' : `orders-${i}`,
    { ...of(port), routes: routes.filter(({ id }) => id === file) },
  ])
  node = await startNode({ policy: { ...policy, services: Object.fromEntries([first!, ...others]) } })
  key = { ...JSON.parse(readFileSync(node.folder.file('assertion.jwk'), 'utf8')), kid: 'test-1' }
  for (const [i, { language, file, command, port }] of runnable.entries()) {
    const code = documented(page, language, {
      'https://app.example': `http://127.0.0.1:${node.port}`,
      '3000': String(port),
      ...(i > 0 && { '"orders"': `"orders-${i}"` }),
    })
    const text = (folder: string) => {
      symlinkSync(modules, join(folder, 'node_modules'))
      return code
    }
    await startProgram({ command: command!, words: [file], config: [file, text], port })
  }
})

const nowS = () => Math.floor(Date.now() / 1000)

interface Differences {
  readonly header?: Readonly<Record<string, string | undefined>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: JWK
}

/** An assertion as the node signs it, with differences. A claim of `undefined` is left out. */
async function assertion(audience: string, { header, claims, key: other = key }: Differences = {}): Promise<string> {
  const usual = { iss: `http://127.0.0.1:${node.port}`, aud: audience, sub: 'alice', token_issuer: issuer.url }
  const times = { iat: nowS(), exp: nowS() + 60 }
  return new SignJWT({ ...usual, ...times, ...claims })
    .setProtectedHeader({
      alg: 'ES256',
      kid: key.kid,
      typ: 'gatehouse-assertion+jwt',
      ...header,
    } as JWTHeaderParameters)
    .sign(await importJWK(other, header?.alg ?? 'ES256'))
}

describe.each(runnable.map((example, i) => ({ ...example, audience: i === 0 ? 'orders' : `orders-${i}` })))(
  'the documented example service in $name',
  ({ file, port, audience }) => {
    const ask = (value?: string) =>
      fetch(`http://127.0.0.1:${port}/`, { headers: value === undefined ? {} : { 'x-gatehouse-jwt-assertion': value } })

    test('the example service reads the identity of the caller from the assertion of a node', async () => {
      const token = issuer.sign({ claims: { scope: 'orders:read' } })
      const reply = await fetch(`http://127.0.0.1:${node.port}/${file}`, {
        headers: { authorization: `Bearer ${token}` },
      })

      expect([reply.status, await reply.text()]).toEqual([200, `alice of ${issuer.url}\n`])
      expect((await ask(await assertion(audience))).status).toBe(200)
    })

    const attacker = signingKey('ES256').privateJwk as JWK
    test.each<[string, Differences]>([
      ['for another service', { claims: { aud: 'reports' } }],
      ['of another gate', { claims: { iss: 'https://other.example' } }],
      ['that has expired', { claims: { iat: nowS() - 120, exp: nowS() - 60 } }],
      ['without an end', { claims: { exp: undefined } }],
      ['with the type JWT', { header: { typ: 'JWT' } }],
      ['with the type of an access token', { header: { typ: 'at+jwt' } }],
      ['without a type', { header: { typ: undefined } }],
      ['signed by another key under the same id', { key: attacker }],
      ['signed by an unknown key', { key: attacker, header: { kid: 'other' } }],
      ['signed with HS256', { key: { kty: 'oct', k: 'c2VjcmV0' }, header: { alg: 'HS256' } }],
    ])('the example service rejects an assertion of the gate %s', async (_, differences) => {
      expect((await ask(await assertion(audience, differences))).status).toBe(401)
    })

    test('the example service rejects a request without an assertion, and a request with an unsigned assertion', async () => {
      const [, payload] = (await assertion(audience)).split('.')
      const header = Buffer.from('{"alg":"none","typ":"gatehouse-assertion+jwt"}').toString('base64url')

      expect((await ask()).status).toBe(401)
      expect((await ask(`${header}.${payload}.`)).status).toBe(401)
    })
  },
)
