import { z } from 'zod'
import { filePath } from './file-path.ts'
import { type PageFile, readCss, readLogo } from './page-files.ts'
import { addProblem } from './settings-context.ts'
import { InvalidText, parsedText } from './text-schemas.ts'

/** Contact of the setting `pages.support`, where users find help: a text, or a link to a page or an e-mail address. */
interface Support {
  readonly text: string
  /** https or mailto URL of the contact; `undefined` for a text that is no link. */
  readonly href: string | undefined
}

/** Appearance of the pages that the gate shows to people. */
export interface PagesSettings {
  readonly product: string | undefined
  readonly support: Support | undefined
  readonly logo: PageFile | undefined
  readonly css: PageFile | undefined
}

const visibleText = /^[^\p{C}\p{Zl}\p{Zp}]+$/u
const supportForm = 'a text of 1 to 200 characters, an https URL, or a mailto URL'

const product = parsedText('a text of 1 to 80 characters without control characters', (text) =>
  text.length <= 80 && visibleText.test(text) && text.trim() !== '' ? text : undefined,
)

const support = parsedText(supportForm, readSupport)

function readSupport(text: string): Support | InvalidText | undefined {
  if (text.length > 200 || !visibleText.test(text) || text.trim() === '') return undefined
  if (/^mailto:[^\s@:/?]+@[^\s@:/?]+(?:\?[^\s]*)?$/i.test(text)) {
    return { text: text.slice('mailto:'.length).replace(/\?.*$/, ''), href: text }
  }
  if (/^https:\/\/[^\s/?#@]+(?:[/?#]\S*)?$/i.test(text) && URL.canParse(text)) return { text, href: text }
  if (/^[a-z][a-z0-9+.-]*:\S/i.test(text)) {
    return new InvalidText(`must be ${supportForm}; other links, such as http, are not allowed`)
  }
  return { text, href: undefined }
}

/** Schema of the settings `pages`: appearance of the pages that the gate shows to people. Parsing reads the files. */
export const pagesSettings = z
  .strictObject({
    product: product
      .optional()
      .describe('Name of the site, shown above each page and in its title. At most 80 characters. Default none.')
      .meta({ reload: 'live' }),
    support: support
      .optional()
      .describe(
        'Where users find help: a text, an https URL, or a mailto URL. Shown below each page. At most 200 characters. ' +
          'Default none.',
      )
      .meta({ reload: 'live' }),
    logo: filePath
      .optional()
      .describe(
        'Image above each page: PNG, JPEG, WebP, or SVG without scripts, at most 64KiB. Read at start and on SIGHUP. ' +
          'Served to everybody at /.gatehouse/pages/logo. Default none.',
      )
      .meta({ reload: 'live' }),
    css: filePath
      .optional()
      .describe(
        'Style sheet that is applied after the own style of the pages, at most 64KiB. It must load nothing: no ' +
          '`@import`, no `url()`, no backslash. Read at start and on SIGHUP. Served to everybody at /.gatehouse/pages/css. Default none.',
      )
      .meta({ reload: 'live' }),
  })
  .transform(
    (entry, ctx): PagesSettings => ({
      product: entry.product,
      support: entry.support,
      logo: fileOf('logo', entry.logo, readLogo, ctx),
      css: fileOf('css', entry.css, readCss, ctx),
    }),
  )
  .prefault({})

function fileOf(
  key: 'logo' | 'css',
  file: string | undefined,
  read: (file: string) => PageFile,
  ctx: z.RefinementCtx,
): PageFile | undefined {
  if (file === undefined) return undefined
  try {
    return read(file)
  } catch (error) {
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message: (error as Error).message, path: [key] })
    return undefined
  }
}
