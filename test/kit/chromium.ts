import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findChromium } from '../../deploy/chromium.mjs'
import { atEnd } from './cleanup.ts'

/** Starts the machine's Chromium, without a window. It ends when the file's tests are over. */
export async function startChromium(): Promise<Browser> {
  const { command, env } = findChromium()
  const browser = await chromium.launch({
    executablePath: command,
    env: { ...process.env, ...env } as Record<string, string>,
    // Nothing here is a stranger's page, and root has no sandbox. Nor is anything but loopback asked.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  atEnd(() => browser.close())
  return browser
}

/** Goes to a page, and logs in where a form asks who is there. */
export async function logIn(page: Page, url: string, user = 'alice'): Promise<void> {
  await page.goto(url)
  await page.click(`button[value=${user}]`)
  await page.waitForURL(url)
}

/** Cookies of the gate. Ports make no difference to cookies, so those of the issuer are there too. */
export async function gateCookies(context: BrowserContext): Promise<{ name: string; value: string }[]> {
  return (await context.cookies()).filter(({ name }) => name.includes('gatehouse'))
}
