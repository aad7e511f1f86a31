// Requirements read a request field only as the service will read it: sent once, under its own name, and forwarded.

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
  // RFC 9110 §7.6.1: the gate does not forward fields that Connection names.
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
])(
  'for the fields %j and the Connection names %j, requirements read x-tenant as %j (undefined: absent, null: ambiguous)',
  (fields, named, expected) => {
    const [names, values] = [fields.map(([name]) => name), fields.map(([, value]) => value)]
    const head = new RequestHead('GET', '/', undefined, names, values)
    if (named.length > 0) head.connectionNames = new Set(named)

    expect(head.plainField('x-tenant')).toBe(expected)
  },
)
