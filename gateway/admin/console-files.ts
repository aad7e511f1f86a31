import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { extname, join } from 'node:path'
import { type PlainReply, textReply } from '../probes/plain-server.ts'
import { consoleHeaders } from './console-headers.ts'

/** Folder of the built console. `npm run setup` builds it; the npm package and the image contain it. */
const builtFolder = join(import.meta.dirname, '../console/dist')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const pageFields = { ...consoleHeaders, 'cache-control': 'no-store' }
/** The name of an asset contains a hash of its content, so a browser never asks for it again. */
const assetFields = { ...consoleHeaders, 'cache-control': 'public, max-age=31536000, immutable' }

const missing = textReply(
  503,
  'This node runs from a checkout without a built console. Run `npm run setup` in the checkout, and start the node again.\nThe admin API, probes and metrics work without the console.',
)

/**
 * The files of the built console, in memory: about 400 KiB. The set of paths is fixed, so no request can name another
 * file.
 */
export class ConsoleFiles {
  /** @bound code */
  readonly #assets = new Map<string, PlainReply>()
  readonly #page: PlainReply

  /**
   * Reads the files. @param folder  folder of the built console; when it does not exist, the page says what to run
   */
  constructor(folder = builtFolder) {
    const html = readFile(join(folder, 'index.html'))
    this.#page = html === undefined ? missing : { status: 200, type: types['.html']!, body: html, fields: pageFields }
    for (const name of html === undefined ? [] : readdirSync(join(folder, 'assets'))) {
      const type = types[extname(name)]
      if (type === undefined) throw new Error(`unexpected file ${name} in ${folder}: the console has no such files`)
      const body = readFileSync(join(folder, 'assets', name), 'utf8')
      this.#assets.set(`/assets/${name}`, { status: 200, type, body, fields: assetFields })
    }
  }

  /**
   * Replies to a request for a file of the console. A browser that opens any other path gets the page, which shows the
   * view of the path.
   *
   * @returns `undefined` when the request is not for the console
   */
  reply({ method, url = '', headers }: IncomingMessage): PlainReply | undefined {
    const path = url.split('?', 1)[0]!
    const found = this.#assets.get(path) ?? (path === '/' || opensPage(headers.accept) ? this.#page : undefined)
    if (found === undefined) return undefined
    if (method !== 'GET' && method !== 'HEAD') return textReply(405, 'method not allowed', { allow: 'GET, HEAD' })
    return found
  }
}

/** Whether the client accepts HTML, as a browser that opens a page says; scripts and command lines do not. */
function opensPage(accept = ''): boolean {
  return accept.includes('text/html')
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
