// A port offset changes all addresses of the demo, and nothing else in a policy template.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { movePorts, namedPorts, portsAt } from '../../../deploy/demo/ports.ts'

test.each([
  { offset: 0, gate: 8080, http2: 8443, admin: [9090, 9091], redis: 8379 },
  { offset: 1000, gate: 9080, http2: 9443, admin: [10090, 10091], redis: 9379 },
  { offset: 56_443, gate: 64_523, http2: 64_886, admin: [65_533, 65_534], redis: 64_822 },
])('a demo with the port offset $offset has its gate on port $gate', ({ offset, gate, http2, admin, redis }) => {
  expect(portsAt(offset)).toMatchObject({ gate, http2, admin, redis })
})

test.each([-1, 0.5, Number.NaN, 56_444])('the demo rejects the port offset %s', (offset) => {
  expect(() => portsAt(offset)).toThrow(RangeError)
})

test('no two processes of the demo listen on the same port', () => {
  const ports = namedPorts(portsAt(1000)).map(([, port]) => port)

  expect(new Set(ports).size).toBe(ports.length)
})

test('the port offset changes every address of the demo policy', () => {
  const policy = readFileSync(join(import.meta.dirname, '../../../deploy/demo/policy.yaml'), 'utf8')
  const moved = movePorts(policy, portsAt(1000))

  const found = [...moved.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  expect(found.sort()).toEqual([9080, 9090, 9101, 9102, 9103, 9104])
  expect(moved.replaceAll(/127\.0\.0\.1:\d+/g, '')).toBe(policy.replaceAll(/127\.0\.0\.1:\d+/g, ''))
})

test('the demo rejects a policy template with an address that is not part of the demo', () => {
  expect(() => movePorts('upstreams: [http://127.0.0.1:8105]', portsAt(1000))).toThrow('127.0.0.1:8105')
})
