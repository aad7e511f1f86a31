import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ConsoleFiles } from '../../../gateway/admin/console-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'console-files-'))
mkdirSync(join(folder, 'assets'))
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Console</title>')
writeFileSync(join(folder, 'assets', 'index-a1b2.js'), 'console.log(1)')
writeFileSync(join(folder, '.env'), 'secret')
afterAll(() => rmSync(folder, { recursive: true }))

const files = new ConsoleFiles(folder)
const page = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

const asked = (url: string, { method = 'GET', accept = '*/*' } = {}) =>
  files.reply({ method, url, headers: { accept } } as IncomingMessage)

test.each([
  ['the root', '/', '*/*'],
  ['the root with a query', '/?login_error=denied', page],
  ['a path of a view', '/live?subject=alice', page],
  ['an unknown path that a browser opens', '/nothing/here', page],
])('a request for %s gets the HTML page of the console with Cache-Control: no-store', (_what, url, accept) => {
  const reply = asked(url, { accept })!
  expect([reply.status, reply.type, reply.body]).toEqual([
    200,
    'text/html; charset=utf-8',
    '<!doctype html><title>Console</title>',
  ])
  expect(reply.fields!['cache-control']).toBe('no-store')
  expect(reply.fields!['content-security-policy']).toContain("default-src 'none'")
})

test('an asset of the console is sent with its media type, security fields, and a cache time of one year', () => {
  expect(asked('/assets/index-a1b2.js')).toMatchObject({
    status: 200,
    type: 'text/javascript; charset=utf-8',
    body: 'console.log(1)',
    fields: {
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    },
  })
})

test.each([
  '/live',
  '/.env',
  '/assets/',
  '/assets/../.env',
  '/assets/%2e%2e/.env',
  '/assets/missing.js',
  '//assets/index-a1b2.js',
])('a script or style sheet request for %s gets no file of the console', (url) => {
  expect(asked(url)).toBeUndefined()
})

test.each(['/', '/assets/index-a1b2.js'])(
  'a POST to the console path %s gets 405, and Allow names GET and HEAD',
  (url) => {
    expect(asked(url, { method: 'POST' })).toMatchObject({ status: 405, fields: { allow: 'GET, HEAD' } })
  },
)

test('if the console was not built, the admin plane replies 503 with a page that names the build command', () => {
  const { status, body } = new ConsoleFiles(join(folder, 'missing')).reply({
    url: '/',
    method: 'GET',
    headers: {},
  } as IncomingMessage)!
  expect(status).toBe(503)
  expect(body).toContain('npm run setup')
})
