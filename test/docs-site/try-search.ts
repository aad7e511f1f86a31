import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { findChromium } from '../../deploy/chromium.mjs'

// Opens the built site in Chromium, searches for a setting, follows the first result, and reads the OpenAPI document.
// `npm run docs:site -- --try` runs this program after the build. Exit code 1: a step failed, or a page has a script
// error.

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

const { values } = parseArgs({ options: { base: { type: 'string', default: '/' } } })
await trySearch(join(import.meta.dirname, '../../.gatehouse/docs-site/site'), values.base)

async function trySearch(folder: string, base: string): Promise<void> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname))
    const file = path.slice(base.length) || 'index.html'
    try {
      const body = readFileSync(join(folder, file.endsWith('/') ? `${file}index.html` : file))
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { command, env } = findChromium()
  const browser = await chromium.launch({
    executablePath: command,
    env: { ...(process.env as Record<string, string>), ...env },
    args: ['--no-sandbox'],
  })
  try {
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(origin + base)
    await page.getByRole('button', { name: 'Search' }).first().click()
    await page.locator('#localsearch-input').fill('max_staleness')
    const result = page.locator('#localsearch-list a').first()
    await result.waitFor()
    await result.click()
    await page.waitForURL((url) => url.pathname !== base)
    await page.locator('main', { hasText: 'max_staleness' }).waitFor()
    const openApi = await fetch(`${origin}${base}files/docs/reference/openapi.json`)
    if (!openApi.ok || !('openapi' in ((await openApi.json()) as object)))
      throw new Error('the site does not publish the OpenAPI document')
    if (errors.length > 0) throw new Error(`script errors: ${errors.join('; ')}`)
    console.log(`search for max_staleness led to ${page.url().slice(origin.length)}`)
  } finally {
    await browser.close()
    server.close()
  }
}
