// Roles come from claims. Only own members of the claims are read (S-070).

import { expect, test } from 'vitest'
import { rolesOf } from '../../../gateway/policy/roles.ts'

const mapping = (path: string[], ...any: string[]) => [{ name: 'manager', path, any: new Set(any) }]

test.each([
  [['realm_access', 'roles'], { realm_access: { roles: ['x', 'order-manager'] } }, true],
  [['realm_access', 'roles'], { realm_access: { roles: 'order-manager' } }, true],
  [['https://api.example/roles'], { 'https://api.example/roles': ['order-manager'] }, true],
  [['realm_access', 'roles'], { realm_access: { roles: ['order-managers', 'ORDER-MANAGER', 1, null] } }, false],
  [['realm_access', 'roles'], { realm_access: { roles: 'x order-manager' } }, false],
  [['realm_access', 'roles'], { realm_access: { roles: { 'order-manager': true } } }, false],
  [['realm_access', 'roles'], { realm_access: null }, false],
  [['realm_access', 'roles'], { 'realm_access.roles': ['order-manager'] }, false],
  [['groups', '0'], { groups: ['order-manager'] }, false],
  [['groups', 'length'], { groups: ['order-manager'] }, false],
  [['name', '0'], { name: 'order-manager' }, false],
])('whether a role that is mapped from the claim path %j is granted by the claims %j: %s', (path, claims, held) => {
  expect(rolesOf(mapping(path, 'order-manager'), claims).has('manager')).toBe(held)
})

test.each([
  [['__proto__', 'x'], '{"__proto__": {"x": "a"}}', true],
  [['__proto__', 'x'], '{}', false],
  [['constructor', 'name'], '{}', false],
  [['toString', 'name'], '{"a": 1}', false],
  [['a', '__proto__', 'constructor', 'name'], '{"a": {}}', false],
])(
  'S-070: whether a role that is mapped from the claim path %j is granted by the claims %s: %s',
  (path, json, held) => {
    const claims = JSON.parse(json) as Record<string, unknown>

    expect(rolesOf(mapping(path, 'a', 'Object', 'toString'), claims).has('manager')).toBe(held)
  },
)
