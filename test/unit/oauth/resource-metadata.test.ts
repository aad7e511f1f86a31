// RFC 9728 §2, §3.1: what a protected resource says about itself, and where.

import { expect, test } from 'vitest'
import { resourceMetadata, resourceMetadataUrl } from '../../../gateway/oauth/resource-metadata.ts'

test('resource metadata names each issuer and scope once, the scopes sorted', () => {
  const issuers = ['https://b.example', 'https://a.example', 'https://b.example']
  const scopes = ['orders:write', 'orders:read', 'orders:write']
  expect(resourceMetadata({ resource: 'https://api.example/orders', issuers, scopes, name: 'orders' })).toEqual({
    resource: 'https://api.example/orders',
    authorization_servers: ['https://b.example', 'https://a.example'],
    scopes_supported: ['orders:read', 'orders:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'orders',
  })
})

test('RFC 9728 §3.2: a metadata member without a value is omitted', () => {
  expect(Object.keys(resourceMetadata({ resource: 'https://api.example', issuers: [] }))).toEqual([
    'resource',
    'authorization_servers',
    'bearer_methods_supported',
  ])
})

test.each([
  { path: '/', url: 'https://api.example/.well-known/oauth-protected-resource' },
  { path: '/orders', url: 'https://api.example/.well-known/oauth-protected-resource/orders' },
  { path: '/orders/?a=b', url: 'https://api.example/.well-known/oauth-protected-resource/orders/?a=b' },
])('the metadata of $path is at $url', ({ path, url }) => {
  expect(resourceMetadataUrl('https://api.example', path)).toBe(url)
})
