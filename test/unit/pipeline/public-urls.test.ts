// Public URLs: which origin the gate uses for a requested host.

import { expect, test } from 'vitest'
import { PublicUrls } from '../../../gateway/pipeline/exchange/public-urls.ts'

const urls = new PublicUrls([
  'https://gate.test',
  'https://alt.test:8443',
  'https://*.apps.test',
  'https://*.ports.test:8443',
  'https://own.apps.test:9443',
])

test.each([
  ['gate.test', 'https://gate.test'],
  ['GATE.test:443', 'https://gate.test'],
  ['alt.test:8443', 'https://alt.test:8443'],
  ['alt.test', undefined],
  ['shop.apps.test', 'https://shop.apps.test'],
  ['Shop.Apps.Test:443', 'https://shop.apps.test'],
  ['shop.apps.test:8443', undefined],
  ['a.b.apps.test', undefined],
  ['apps.test', undefined],
  ['.apps.test', undefined],
  ['*.apps.test', undefined],
  ['x%2f.apps.test', undefined],
  ['shop.ports.test:8443', 'https://shop.ports.test:8443'],
  ['shop.ports.test', undefined],
  ['own.apps.test:9443', 'https://own.apps.test:9443'],
  ['apps', undefined],
])(
  'the public URL for requests to the host %s is %s (undefined: public_url does not list the host)',
  (host, expected) => {
    for (const _ of [1, 2]) {
      expect(urls.originOf(host)).toBe(expected)
      expect(urls.forHost(host)).toBe(expected ?? 'https://gate.test')
    }
  },
)

test.each([
  ['alt.test', 'https://alt.test:8443'],
  ['shop.ports.test', 'https://shop.ports.test:8443'],
  ['*.ports.test', 'https://*.ports.test:8443'],
  ['own.apps.test', 'https://own.apps.test:9443'],
  ['*.gate.test', undefined],
  ['a.b.apps.test', undefined],
])('the public URL for the host name %s, which has no port, is %s', (name, expected) => {
  expect(urls.forName(name)).toBe(expected)
})

test.each([
  ['shop.ports.test', 'shop.ports.test:8443'],
  ['Alt.test', 'alt.test:8443'],
  ['gate.test', 'gate.test'],
  ['shop.ports.test:1', 'shop.ports.test:1'],
  ['evil.test', 'evil.test'],
])('if a proxy states the host %s, the public host with its port is %s', (stated, expected) => {
  expect(urls.withPort(stated)).toBe(expected)
})

test('a client that requests many hosts of a wildcard pattern gets the right public URL for each host', () => {
  for (let i = 0; i < 3000; i++) expect(urls.forHost(`h${i}.apps.test`)).toBe(`https://h${i}.apps.test`)
  expect(urls.forHost('h1.apps.test')).toBe('https://h1.apps.test')
})
