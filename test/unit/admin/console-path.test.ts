import { expect, test } from 'vitest'
import { consolePath, continuePage } from '../../../gateway/admin/login/console-path.ts'

test.each(['/', '/live', '/live?route=a&since=1h', '/exchanges/01K7V1S6X4QZ', '/callbacks', '/a//b'])(
  'the path %s of the console is kept',
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
])('the target %j becomes the start page', (path) => {
  expect(consolePath(path)).toBe('/')
})

test('the page that continues to the console escapes the path', () => {
  const page = continuePage(consolePath('/live?q="><script>alert(1)</script>&x=\''))
  expect(page).not.toMatch(/<script|'/)
  expect(page).toContain('content="0;url=/live?q=&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;x=&#39;"')
})
