// Chromium opens pages that the gate refuses, with a product name, a logo and a style sheet in the settings.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { gateCookies, logIn, startChromium } from '../kit/chromium.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startLoginGate } from '../kit/login-gate.ts'
import { freePort } from '../kit/ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-pages-'))
atEnd(() => rmSync(folder, { recursive: true }))
const [logo, css] = [join(folder, 'logo.svg'), join(folder, 'pages.css')]
const square = '<rect width="48" height="48" rx="8" fill="#7a1f4e"/>'
writeFileSync(logo, `<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48">${square}</svg>`)
writeFileSync(
  css,
  `:root { --accent: #7a1f4e; --on-accent: #fff }
@media (prefers-color-scheme: dark) { :root { --accent: #f0a8cd; --on-accent: #2a0a1a } }`,
)
const session = { session: 'main' }
const [browser, gate] = await Promise.all([
  startChromium(),
  startLoginGate({
    reports: `http://127.0.0.1:${freePort()}`,
    routes: [
      {
        id: 'admin',
        match: { path: '/admin/**' },
        require: { all: [session, { claims: { admin: { any: ['yes'] } } }] },
      },
      {
        id: 'limited',
        match: { path: '/limited/**' },
        require: session,
        limits: [{ name: 'pages', by: 'session', requests: 1, window: '1h' }],
      },
    ],
    settings: { pages: { product: 'Example Shop', support: 'mailto:help@shop.example', logo, css } },
  }),
])
const { url } = gate
const accents = { light: 'rgb(122, 31, 78)', dark: 'rgb(240, 168, 205)' }

test.each(['light', 'dark'] as const)(
  'in %s mode the pages for 401, 403, 404, 429 and 502 fit 360 px, use logo and style of the settings, and break no rule of their CSP',
  async (colorScheme) => {
    const context = await browser.newContext({ colorScheme, viewport: { width: 360, height: 740 } })
    const page = await context.newPage()
    const reported: string[] = []
    page.on(
      'console',
      (message) => void (/Content.Security.Policy/i.test(message.text()) && reported.push(message.text())),
    )
    await logIn(page, `${url}/limited/`)

    for (const [path, status, title] of [
      ['/orders/1', 401, 'This page is for programs'],
      ['/admin/', 403, 'You have no access to this page'],
      ['/absent', 404, 'Page not found'],
      ['/limited/', 429, 'Too many requests'],
      ['/reports/', 502, 'The service has an error'],
    ] as const) {
      const reply = (await page.goto(url + path))!

      expect([reply.status(), await page.textContent('h1')]).toEqual([status, title])
      expect(await page.title()).toBe(`${title} · Example Shop`)
      expect(await page.textContent('footer code')).toBe(reply.headers()['x-request-id'])
      const seen = await page.evaluate(`({
        overflow: document.documentElement.scrollWidth - innerWidth,
        logo: document.querySelector('img').naturalWidth,
        link: getComputedStyle(document.querySelector('footer a')).color,
      })`)
      expect(seen, path).toEqual({ overflow: 0, logo: 48, link: accents[colorScheme] })
    }
    expect(reported).toEqual([])
    await context.close()
  },
)

test('the page for 403 names the user, and its link to log out leads to the end of the session', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${url}/app/`)

  await page.goto(`${url}/admin/`)
  expect(await page.textContent('main')).toContain('You are logged in as alice <b> (alice@people.test).')
  await page.click('text=Log out')
  await page.click('button[name=logout]')
  await page.waitForURL(`${url}/.gatehouse/logout*`)

  expect(await page.textContent('h1')).toBe('You are logged out')
  expect(await gateCookies(context)).toEqual([])
  await context.close()
})
