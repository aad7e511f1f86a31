import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { AUDIENCE, BenchIssuer } from '../../../bench/harness/tokens.ts'
import { atEnd } from '../../kit/cleanup.ts'

// The issuer of the benchmarks rotates its keys as an operator should: a key is published before it signs.

const issuer = await BenchIssuer.start()
atEnd(() => issuer.close())

const published = async () => (await (await fetch(`${issuer.url}/jwks`)).json()) as JSONWebKeySet

const kidOf = async (token: string, keys: JSONWebKeySet) =>
  (await jwtVerify(token, createLocalJWKSet(keys), { issuer: issuer.url, audience: AUDIENCE })).protectedHeader.kid

test('a key of the bench issuer is published before its first token, and as long as the tokens of the next two keys', async () => {
  const before = await published()
  const first = await issuer.token(1)
  await issuer.rotate()
  const second = await issuer.token(1)

  expect(await kidOf(second, before)).not.toBe(await kidOf(first, before))
  await issuer.rotate()
  expect(await kidOf(first, await published())).toBe(await kidOf(first, before))
  await issuer.rotate()
  await expect(kidOf(first, await published())).rejects.toThrow()
})
