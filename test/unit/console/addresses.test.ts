import { expect, test } from 'vitest'
import { matchPath } from '../../../gateway/console/match-view.ts'
import { exchangePath, searchChoices } from '../../../gateway/console/search-choices.ts'

test.each([
  ['/', '/', {}],
  ['/live', '/live', {}],
  ['/live', '/live/', undefined],
  ['/exchanges/:id', '/exchanges/a%2Fb', { id: 'a/b' }],
  ['/exchanges/:id', '/exchanges/', undefined],
  ['/exchanges/:id', '/exchanges/%zz', undefined],
])('the template %s and the path %s match as %j', (template, path, found) => {
  expect(matchPath(template, path)).toEqual(found)
})

const views = [
  { title: 'Live', path: '/live' },
  { title: 'Exchange', path: '/exchanges/:id' },
]

test('a search for a request id of a node opens its exchange first', () => {
  expect(searchChoices(' 8kQz01Ab-1x ', views)[0]).toEqual({
    label: 'Exchange with this request id',
    to: '/exchanges/8kQz01Ab-1x',
  })
})

test('a search for the name of a view offers the view first, and never a view with parameters', () => {
  expect(searchChoices('li', views)[0]!.to).toBe('/live')
  expect(searchChoices('exch', views).map(({ to }) => to)).not.toContain('/exchanges/:id')
})

test('a search for a text that is no request id offers subject, route and client, each encoded', () => {
  expect(searchChoices('a&b=c d', views).map(({ to }) => to)).toEqual([
    '/live?subject=a%26b%3Dc+d',
    '/live?route=a%26b%3Dc+d',
    '/live?client=a%26b%3Dc+d',
  ])
  expect(searchChoices('  ', views)).toEqual([])
})

test('the path of an exchange encodes the request id', () => {
  expect(exchangePath('a/../b?c')).toBe('/exchanges/a%2F..%2Fb%3Fc')
})
