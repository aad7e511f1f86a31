import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { HeaderField } from '../base/denial.ts'
import { unreadableText } from '../config/unreadable-text.ts'
import type { AskedRequest } from '../explain/dry-run-request.ts'
import type { HttpVersion } from '../pipeline/exchange/request-head.ts'
import { CliError, exitCodes } from './output.ts'

/** Command-line flags of `gatehouse explain` that describe the request. */
export interface RequestFlags {
  /** The access token, or `-` for standard input. `withToken` replaces `-` by the token. */
  readonly token?: string | undefined
  /** File with the access token, or `-` for standard input. */
  readonly tokenFile?: string | undefined
  /** Path of the file with the client certificate. */
  readonly certificate?: string | undefined
  readonly httpVersion?: HttpVersion | undefined
  readonly header: readonly string[]
  readonly address: string
  readonly at?: string | undefined
}

/**
 * Builds the hypothetical request of `gatehouse explain` from command-line flags.
 *
 * @throws {CliError} when a flag is invalid; the message never quotes the value of a flag, which can be a secret
 */
export function askedRequest(method: string, url: string, flags: RequestFlags): AskedRequest {
  return {
    method,
    url,
    token: readToken(flags),
    certificate: flags.certificate === undefined ? undefined : readFlagFile(flags.certificate, 'certificate file'),
    httpVersion: flags.httpVersion,
    fields: flags.header.map(readHeader),
    address: flags.address,
    nowMs: flags.at === undefined ? Date.now() : readTime(flags.at),
  }
}

/** Reads the access token from standard input if the value of `--token` or `--token-file` is `-`. */
export async function withToken<Flags extends RequestFlags>(flags: Flags): Promise<Flags> {
  const isPiped = flags.token === '-' || flags.tokenFile === '-'
  return isPiped ? { ...flags, token: (await text(process.stdin)).trim() } : flags
}

function readToken({ token, tokenFile }: RequestFlags): string | undefined {
  return token !== undefined || tokenFile === undefined ? token : readFlagFile(tokenFile, 'token file')
}

function readFlagFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw wrongUsage(`the ${what} ${unreadableText(path, error)}`)
  }
}

function readHeader(header: string): HeaderField {
  const colon = header.indexOf(':')
  if (colon < 1) throw wrongUsage('--header must be "name: value"')
  return [header.slice(0, colon), header.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

function readTime(text: string): number {
  const ms = timeForm.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw wrongUsage('--at must be a time such as 2030-01-31T12:00:00Z (RFC 3339)')
  return ms
}

export function wrongUsage(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse explain --help lists the flags')
}
