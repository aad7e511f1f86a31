// Rules look at a request field as the service will read it: once, under its own name, and only if it travels.

import { expect, test } from 'vitest'
import { RequestHead } from '../../../gateway/pipeline/exchange/request-head.ts'

test.each<[fields: [string, string][], named: string[], expected: string | null | undefined]>([
  [[], [], undefined],
  [[['x-tenant', 'a']], [], 'a'],
  [[['x-tenant', '']], [], ''],
  [[['y-tenant', 'a']], [], undefined],
  [
    [
      ['x-tenant', 'a'],
      ['x-tenant', 'b'],
    ],
    [],
    null,
  ],
  [
    [
      ['x-tenant', 'a'],
      ['x-tenant', 'a'],
    ],
    [],
    null,
  ],
  [[['x_tenant', 'a']], [], null],
  [
    [
      ['x~tenant', 'a'],
      ['x-tenant', 'b'],
    ],
    [],
    null,
  ],
  [
    [
      ['xtenant', 'a'],
      ['x--tenant', 'a'],
      ['xatenant', 'a'],
    ],
    [],
    undefined,
  ],
  // RFC 9110 §7.6.1: what Connection names ends at the gate.
  [[['x-tenant', 'a']], ['x-tenant'], undefined],
  [
    [
      ['x-tenant', 'a'],
      ['x_tenant', 'b'],
    ],
    ['x-tenant'],
    null,
  ],
  [
    [
      ['x-tenant', 'a'],
      ['x_tenant', 'b'],
    ],
    ['x_tenant'],
    'a',
  ],
])('for requirements, the fields %j with Connection: %j have the value %j', (fields, named, expected) => {
  const [names, values] = [fields.map(([name]) => name), fields.map(([, value]) => value)]
  const head = new RequestHead('GET', '/', undefined, names, values)
  if (named.length > 0) head.connectionNames = new Set(named)

  expect(head.plainField('x-tenant')).toBe(expected)
})
