import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { foldMapped, parseAddress } from '../base/addresses.ts'
import { RequestHead } from '../pipeline/request-head.ts'
import type { ThoughtRequest } from './offline-gate.ts'
import { CliError, exitCodes } from './output.ts'

const DEFAULT_ORIGIN = 'http://127.0.0.1:8080'

/** What `explain` is told on its command line. */
export interface RequestFlags {
  /** The token itself: `-`, which stands for standard input, is replaced by `withToken`. */
  readonly token?: string
  readonly tokenFile?: string
  readonly header: readonly string[]
  readonly address: string
  readonly at?: string
}

/**
 * Puts together the request as a client would send it, byte for byte: nothing in the URL is mended, since what a URL
 * parser mends is what `explain` is asked about.
 *
 * @throws {CliError} when the words make no request; it quotes none of them, which may be secrets
 */
export function thoughtRequest(method: string, url: string, flags: RequestFlags): ThoughtRequest {
  const { origin, host, target, query } = readUrl(url)
  const token = readToken(flags)
  const fields = [
    ['host', host],
    ...(token === undefined ? [] : [['authorization', `Bearer ${token}`]]),
    ...flags.header.map(readHeader),
  ]
  const names = fields.map(([name]) => name!)
  const values = fields.map(([, value]) => value!)
  return {
    head: new RequestHead(method, target, query, names, values),
    address: readAddress(flags.address),
    nowMs: flags.at === undefined ? Date.now() : readTime(flags.at),
    publicUrl: URL.canParse(origin) ? new URL(origin).origin : DEFAULT_ORIGIN,
  }
}

/** Takes a token that is given as `-` from standard input. */
export async function withToken<Flags extends RequestFlags>(flags: Flags): Promise<Flags> {
  return flags.token === '-' ? { ...flags, token: (await text(process.stdin)).trim() } : flags
}

/** A URL of which only the parts are told apart; a path alone is asked of the default listener. */
function readUrl(url: string) {
  const [, scheme, host = '', rest = ''] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? []
  if (scheme === undefined && !url.startsWith('/')) throw unfit('the URL must start with http://, https:// or /')
  if (host.includes('@')) throw unfit('the URL must not hold a user or password')
  const asked = scheme === undefined ? url : rest.startsWith('/') ? rest : `/${rest}`
  const mark = asked.indexOf('?')
  return {
    origin: scheme === undefined ? DEFAULT_ORIGIN : `${scheme.toLowerCase()}://${host}`,
    host: scheme === undefined ? new URL(DEFAULT_ORIGIN).host : host,
    target: mark === -1 ? asked : asked.slice(0, mark),
    query: mark === -1 ? undefined : asked.slice(mark + 1),
  }
}

function readToken({ token, tokenFile }: RequestFlags): string | undefined {
  if (token !== undefined || tokenFile === undefined) return token
  try {
    return readFileSync(tokenFile, 'utf8').trim()
  } catch (error) {
    throw unfit(`the token cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}

/** Name in lower case, as the listener hands it over: in ASCII alone, or K (U+212A) would become a k. */
function readHeader(header: string): [name: string, value: string] {
  const colon = header.indexOf(':')
  if (colon < 1) throw unfit('a --header must be "name: value"')
  const name = header.slice(0, colon).replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return [name, header.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

function readAddress(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw unfit('--address must be an IPv4 or IPv6 address')
  return foldMapped(address)
}

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

function readTime(text: string): number {
  const ms = timeForm.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw unfit('--at must be a time such as 2030-01-31T12:00:00Z (RFC 3339)')
  return ms
}

function unfit(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, 'see gatehouse explain --help')
}
