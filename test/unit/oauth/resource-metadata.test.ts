// RFC 9728 §2, §3.1: the metadata of a protected resource, and the URL of the metadata.

import { expect, test } from 'vitest'
import { resourceMetadata, resourceMetadataUrl } from '../../../gateway/oauth/resource-metadata.ts'

test('resource metadata names each issuer and each scope once, and sorts the scopes', () => {
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

test('RFC 9728 §3.2: resource metadata omits members without a value', () => {
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
])('the URL of the metadata for a protected resource with the path $path is $url', ({ path, url }) => {
  expect(resourceMetadataUrl('https://api.example', path)).toBe(url)
})
