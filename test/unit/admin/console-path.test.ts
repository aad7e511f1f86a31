import { expect, test } from 'vitest'
import { consolePath, continuePage } from '../../../gateway/admin/login/console-path.ts'

test.each(['/', '/live', '/live?route=a&since=1h', '/exchanges/01K7V1S6X4QZ', '/callbacks', '/a//b'])(
  'after a console log-in, the browser returns to the console path %s',
  (path) => {
    expect(consolePath(path)).toBe(path)
  },
)

test.each([
  null,
  '',
  'live',
  '//evil.example',
  '/\\evil.example',
  '/a\\b',
  'https://evil.example/',
  'javascript:alert(1)',
  '/\t/evil.example',
  '/a\r\nSet-Cookie: x',
  '/ä',
  '/a#b',
  '/callback?code=x',
  '/console/logout',
  '/api/v1/nodes',
  `/${'a'.repeat(2048)}`,
])('after a console log-in, the unsafe or foreign target %j is replaced by the start page of the console', (path) => {
  expect(consolePath(path)).toBe('/')
})

test('the page that sends the browser to the console after a log-in escapes the path of the console in its HTML', () => {
  const page = continuePage(consolePath('/live?q="><script>alert(1)</script>&x=\''))
  expect(page).not.toMatch(/<script|'/)
  expect(page).toContain('content="0;url=/live?q=&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;x=&#39;"')
})
