// docs/design/contract.md §13: the demo can use an existing Redis with a key prefix of its own. It passes the password in
// files only.

import { expect, test } from 'vitest'
import { redisPlace } from '../../../deploy/demo/demo-redis.ts'
import { portsAt } from '../../../deploy/demo/ports.ts'

const ports = portsAt(100)

test.each([undefined, ''])('the demo uses its own Redis without GATEHOUSE_REDIS_URL (%j)', (given) => {
  expect(redisPlace(ports, given)).toEqual({
    url: 'redis://127.0.0.1:8479',
    username: undefined,
    password: undefined,
    prefix: 'gh:',
  })
})

test.each([
  ['redis://redis.test', { url: 'redis://redis.test' }],
  ['redis://redis.test:7000/3', { url: 'redis://redis.test:7000/3' }],
  ['rediss://:p%40ss@redis.test', { url: 'rediss://redis.test', password: 'p@ss' }],
  ['redis://gate:p%3Ass@redis.test:1/', { url: 'redis://redis.test:1', username: 'gate', password: 'p:ss' }],
  ['unix:///run/redis.sock', { url: 'unix:///run/redis.sock' }],
])('the Redis URL %s is parsed', (given, expected) => {
  expect(redisPlace(ports, given)).toMatchObject(expected)
  expect(redisPlace(ports, given).url).not.toContain('@')
})

test('each demo in a shared Redis has a key prefix of its own', () => {
  const [one, other] = [redisPlace(ports, 'redis://redis.test'), redisPlace(ports, 'redis://redis.test')]

  expect(one.prefix).toMatch(/^gh-demo-[0-9a-f]{12}:$/)
  expect(other.prefix).not.toBe(one.prefix)
})

test('the error for an invalid Redis URL does not quote it', () => {
  expect(() => redisPlace(ports, 'redis//:geheim@host')).toThrow(/^GATEHOUSE_REDIS_URL is not a URL$/)
})
