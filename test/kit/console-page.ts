import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'

const pictures = process.env['CONSOLE_PICTURES']
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** How a view of the console is shown: theme, and width of the window, px. */
export interface ConsoleLook {
  readonly colorScheme: 'light' | 'dark'
  readonly width: number
}

interface AxeResult {
  readonly violations: readonly { id: string; impact: string; nodes: readonly { html: string }[] }[]
}

/** A page of a Chromium that is logged in to the console of a node. CONSOLE_PICTURES=FOLDER keeps its pictures. */
export class ConsolePage {
  readonly page: Page
  readonly #origin: string

  private constructor(page: Page, origin: string) {
    this.page = page
    this.#origin = origin
  }

  /** Logs in with a token. @param origin  of the admin listener */
  static async logIn(browser: Browser, origin: string, token: string): Promise<ConsolePage> {
    // Without transitions: axe-core would measure the contrast of colours in between.
    const page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage()
    await page.goto(`${origin}/`)
    await page.fill('#token', token)
    await page.click('text=Log in with the token')
    await page.waitForSelector('h1 >> text=Overview')
    return new ConsolePage(page, origin)
  }

  /** Opens a view without loading the page again, so that axe-core stays loaded. */
  async open(path: string, { colorScheme, width }: ConsoleLook = { colorScheme: 'light', width: 1280 }): Promise<void> {
    await this.page.emulateMedia({ colorScheme })
    await this.page.setViewportSize({ width, height: 800 })
    // A text: the types of the tests do not include those of a browser.
    await this.page.evaluate(
      `history.pushState(null, '', ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent('popstate'))`,
    )
  }

  /** Checks the page with axe-core. @returns the serious and critical faults, with the first element of each */
  async accessibilityFaults(): Promise<string[]> {
    if (!(await this.page.evaluate('"axe" in window'))) await this.page.evaluate(axe)
    const { violations } = (await this.page.evaluate('axe.run()')) as AxeResult
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  }

  /** Width of the content of the page, px. */
  async width(): Promise<number> {
    return Number(await this.page.evaluate('document.documentElement.scrollWidth'))
  }

  async keepPicture(name: string): Promise<void> {
    if (pictures !== undefined) await this.page.screenshot({ path: join(pictures, `${name}.png`) })
  }

  /** Path and query of the address of the page. */
  get path(): string {
    return this.page.url().slice(this.#origin.length)
  }
}
