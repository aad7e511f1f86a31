// docs/design/contract.md §13: the demo can use an existing Redis with its own key prefix. It passes the Redis password
// to other processes only in files.

import { expect, test } from 'vitest'
import { redisPlace } from '../../../deploy/demo/demo-redis.ts'
import { portsAt } from '../../../deploy/demo/ports.ts'

const ports = portsAt(100)

test.each([undefined, ''])('the demo starts its own Redis when GATEHOUSE_REDIS_URL is %j', (given) => {
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
])('the demo reads address, user and password from the Redis URL %s', (given, expected) => {
  expect(redisPlace(ports, given)).toMatchObject(expected)
  expect(redisPlace(ports, given).url).not.toContain('@')
})

test('each demo that uses a shared Redis has its own key prefix', () => {
  const [one, other] = [redisPlace(ports, 'redis://redis.test'), redisPlace(ports, 'redis://redis.test')]

  expect(one.prefix).toMatch(/^gh-demo-[0-9a-f]{12}:$/)
  expect(other.prefix).not.toBe(one.prefix)
})

test('the error of the demo for an invalid GATEHOUSE_REDIS_URL does not quote the URL, which can contain a password', () => {
  expect(() => redisPlace(ports, 'redis//:geheim@host')).toThrow(/^GATEHOUSE_REDIS_URL is not a URL$/)
})
