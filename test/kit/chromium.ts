import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findChromium } from '../../deploy/chromium.mjs'
import { atEnd } from './cleanup.ts'

/**
 * Starts the installed Chromium headless. Chromium stops after the last test of the file.
 *
 * @param flags  additional flags of the command line
 */
export async function startChromium(...flags: readonly string[]): Promise<Browser> {
  const { command, env } = findChromium()
  const browser = await chromium.launch({
    executablePath: command,
    env: { ...process.env, ...env } as Record<string, string>,
    args: [
      // Root has no sandbox, and the tests load only pages on loopback.
      ...['--no-sandbox', '--disable-gpu'],
      // These two flags prevent Chromium's own network requests.
      ...['--disable-background-networking', '--disable-component-update'],
      // Tabs of one site share a process: the start of a process takes most of the CPU time of a tab.
      '--renderer-process-limit=1',
      ...flags,
    ],
  })
  atEnd(() => browser.close())
  return browser
}

/** Opens `url`, logs in as `user` at the issuer's form, and waits for the redirect back to `url`. */
export async function logIn(page: Page, url: string, user = 'alice'): Promise<void> {
  await page.goto(url)
  await page.click(`button[value=${user}]`)
  await page.waitForURL(url)
}

/**
 * Returns the cookies of the gate. All ports of a host share cookies, so the browser sends them together with the
 * issuer's.
 */
export async function gateCookies(context: BrowserContext): Promise<{ name: string; value: string }[]> {
  return (await context.cookies()).filter(({ name }) => name.includes('gatehouse'))
}
