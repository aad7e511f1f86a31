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
])('the console matches the view path %s with the path %s as %j (undefined: no match)', (template, path, found) => {
  expect(matchPath(template, path)).toEqual(found)
})

const views = [
  { title: 'Live', path: '/live' },
  { title: 'Exchange', path: '/exchanges/:id' },
]

test('the console search for a request id offers the exchange with this request id first', () => {
  expect(searchChoices(' 8kQz01Ab-1x ', views)[0]).toEqual({
    label: 'Exchange with this request id',
    to: '/exchanges/8kQz01Ab-1x',
  })
})

test('the console search for the name of a view offers this view first, and never a view with parameters', () => {
  expect(searchChoices('li', views)[0]!.to).toBe('/live')
  expect(searchChoices('exch', views).map(({ to }) => to)).not.toContain('/exchanges/:id')
})

test('the console search for a text that is no request id offers the text as subject, route and client, percent-encoded', () => {
  expect(searchChoices('a&b=c d', views).map(({ to }) => to)).toEqual([
    '/live?subject=a%26b%3Dc+d',
    '/live?route=a%26b%3Dc+d',
    '/live?client=a%26b%3Dc+d',
  ])
  expect(searchChoices('  ', views)).toEqual([])
})

test('the console encodes the request id in the path of an exchange', () => {
  expect(exchangePath('a/../b?c')).toBe('/exchanges/a%2F..%2Fb%3Fc')
})
