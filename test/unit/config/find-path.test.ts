import { expect, test } from 'vitest'
import { findPath } from '../../../gateway/config/find-path.ts'

const document = {
  services: {
    'orders.v2': { routes: [{ id: 'a' }, { id: 'b', match: { path: '/' } }] },
    orders: { upstreams: ['http://a.test'] },
  },
}

test.each([
  { text: 'services.orders.upstreams[0]', path: ['services', 'orders', 'upstreams', 0] },
  { text: 'services.orders.v2.routes[1].match.path', path: ['services', 'orders.v2', 'routes', 1, 'match', 'path'] },
  { text: 'services.orders.v2.routes[b].match.path', path: ['services', 'orders.v2', 'routes', 1, 'match', 'path'] },
  { text: 'services.orders.v2.routes[c].match', path: ['services', 'orders.v2', 'routes'] },
  { text: 'services.orders.credentials.secret', path: ['services', 'orders'] },
  { text: 'services.orders.v2.routes[7].match', path: ['services', 'orders.v2', 'routes'] },
  { text: 'issuers.main', path: [] },
  { text: '', path: [] },
])('the formatted path "$text" leads to the entry $path of the document', ({ text, path }) => {
  expect(findPath(document, text)).toEqual(path)
})
