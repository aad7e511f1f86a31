import type { IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { nodeHttp } from '../base/node-http.ts'
import { readSecret } from '../config/secret.ts'
import { CliError, type ExitCode, exitCodes } from './output.ts'
import { flag } from './verb.ts'

const { request: requestPlain } = nodeHttp

/** Admin URL that a command uses without `--admin` and GATEHOUSE_ADMIN_URL. */
export const DEFAULT_ADMIN = 'http://127.0.0.1:9090'
const CONNECT_MS = 5000
/**
 * Reply timeout of an admin API call that changes something, ms. A revocation can wait up to 5 minutes for the slowest
 * node.
 */
const CHANGE_REPLY_MS = 6 * 60_000
/**
 * Reply timeout of an admin API call that only reads, ms. A node that hangs accepts the connection and never replies,
 * and its operator must learn this soon. The slowest query is `doctor` with 20 s.
 */
const QUERY_REPLY_MS = 30_000
/** Reply timeout of an admin API call that may read the whole audit log, about 1 s per million records, ms. */
export const LOG_QUERY_REPLY_MS = 6 * 60_000
const REPLY_MAX_BYTES = 16 * 1024 * 1024

/** Flag `--admin` of every verb that calls the admin API. */
export const adminFlag = z
  .string()
  .optional()
  .register(flag, {
    value: 'url',
    help: `admin listener of any node (default: GATEHOUSE_ADMIN_URL, then ${DEFAULT_ADMIN})`,
  })

/** Hint for a command that gets no reply from the admin URL. */
export const findNodeHint = 'name the admin listener of a running node with --admin URL or GATEHOUSE_ADMIN_URL'

/** Meaning of exit code 3 for verbs that call the admin API. */
export const adminUnreachable = {
  [exitCodes.unreachable]: 'no node replied, or the node could not reach Redis',
} as const

export interface AdminReply {
  readonly status: number
  readonly document: Readonly<Record<string, unknown>>
}

/** The admin API rejected a call. `document` is its problem document (RFC 9457). */
export class AdminRefusal extends CliError {
  readonly document: AdminReply['document']

  constructor(
    exitCode: ExitCode,
    code: string,
    message: string,
    { hint, document }: { readonly hint: string | undefined; readonly document: AdminReply['document'] },
  ) {
    super(exitCode, code, message, hint)
    this.document = document
  }
}

/**
 * Client of a node's admin API. The token is read only from environment variables, because other users can see a
 * command line.
 */
export class AdminClient {
  readonly #base: URL
  readonly #token: string

  private constructor(base: URL, token: string) {
    this.#base = base
    this.#token = token
  }

  /**
   * Opens an admin API client with the URL and the token of the environment.
   *
   * @param admin  value of the flag `--admin`; `undefined`: the URL in GATEHOUSE_ADMIN_URL, or else the default
   * @throws {CliError} when the URL is invalid or no valid token is set
   */
  static from(admin: string | undefined, env: NodeJS.ProcessEnv = process.env): AdminClient {
    const url = admin ?? (env['GATEHOUSE_ADMIN_URL'] || DEFAULT_ADMIN)
    const base = URL.parse(url)
    if (base === null || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '') {
      const hint = `write it with its scheme, such as ${DEFAULT_ADMIN}`
      const message = 'the admin URL must be an http or https URL without credentials'
      throw new CliError(exitCodes.usage, 'GH_USAGE', message, hint)
    }
    if (base.search !== '' || base.hash !== '') {
      throw new CliError(
        exitCodes.usage,
        'GH_USAGE',
        'the admin URL must not have a query or a fragment',
        'remove ? and #, and all after them',
      )
    }
    return new AdminClient(base, tokenOf(env))
  }

  /**
   * Calls the admin API.
   *
   * @param member  name of a member that the reply must have; a reply without it does not come from an admin API
   * @param replyMs  reply timeout, ms; default: 6 minutes for a change, 30 s for a query
   * @returns reply to a call that the node carried out, completely or in part
   * @throws {CliError} exit code 3 when no node replies, 1 when the node rejects the call
   */
  async call(
    method: 'GET' | 'POST',
    path: string,
    member: string,
    body?: object,
    replyMs = method === 'GET' ? QUERY_REPLY_MS : CHANGE_REPLY_MS,
  ): Promise<AdminReply> {
    const response = await this.#send(method, path, { body, replyMs })
    const status = response.statusCode ?? 0
    const document = readObject(await this.#text(response))
    if (document === undefined) throw this.#notAdminApi(status)
    if (status >= 400) throw this.#refusal(status, document)
    if (!(member in document)) throw this.#notAdminApi(status)
    return { status, document }
  }

  /**
   * Yields the events of an event stream (WHATWG HTML §9.2) that follow the event with the id `place`. Never ends
   * without an error.
   *
   * @throws {CliError} exit code 3 when no node replies or the connection ends, 1 when the node rejects the call
   */
  async *follow(path: string, place: string): AsyncGenerator<{ readonly id: string; readonly data: string }, never> {
    const response = await this.#send('GET', path, { accept: 'text/event-stream', place, replyMs: CHANGE_REPLY_MS })
    const status = response.statusCode ?? 0
    if (status !== 200) {
      const document = readObject(await this.#text(response))
      throw document === undefined ? this.#notAdminApi(status) : this.#refusal(status, document)
    }
    let broken = new Error('the event stream ended')
    const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
    response.once('error', (cause) => {
      broken = cause
      lines.close()
    })
    let event = { id: place, data: '' }
    for await (const line of lines) {
      if (line.startsWith('id: ')) event = { ...event, id: line.slice(4) }
      else if (line.startsWith('data: ')) event = { ...event, data: line.slice(6) }
      else if (line === '' && event.data !== '') {
        yield event
        event = { ...event, data: '' }
      }
    }
    throw this.#unreachable(broken)
  }

  #send(method: string, path: string, options: SendOptions): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const send = this.#base.protocol === 'https:' ? requestTls : requestPlain
    const { body, accept = 'application/json', place, replyMs } = options
    const content = method === 'POST' ? JSON.stringify(body ?? {}) : undefined
    // Append the path of the call to the path of the admin URL, because a proxy can serve the admin API below a path
    // prefix.
    const outgoing = send(new URL(this.#base.pathname.replace(/\/$/, '') + path, this.#base), {
      method,
      agent: false,
      timeout: replyMs,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept,
        ...(place !== undefined && { 'last-event-id': place }),
        ...(content && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
      },
    })
    const connecting = setTimeout(
      () => outgoing.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)),
      CONNECT_MS,
    )
    outgoing.once('socket', (socket) => socket.once('connect', () => clearTimeout(connecting)))
    outgoing.once('close', () => clearTimeout(connecting))
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no reply within ${replyMs / 1000} s`)))
    outgoing.once('error', (cause) => reject(this.#unreachable(cause)))
    outgoing.once('response', resolve)
    outgoing.end(content)
    return promise
  }

  async #text(response: IncomingMessage): Promise<string> {
    try {
      return await readText(response)
    } catch (cause) {
      throw this.#unreachable(cause as Error)
    }
  }

  #unreachable(cause: Error): CliError {
    const { code = '', reason } = cause as NodeJS.ErrnoException & { readonly reason?: string }
    // Use only the reason of a TLS failure: the message of OpenSSL contains a thread id and a source file; its reason
    // alone says what happened.
    const why = /^(?:ERR_SSL|EPROTO)/.test(code) ? `TLS handshake failed (${reason ?? code})` : cause.message || code
    const message = `no reply from ${this.#base.origin}: ${why}`
    return new CliError(exitCodes.unreachable, 'GH_ADMIN_UNREACHABLE', message, this.#findNode(cause))
  }

  /** Hint for an admin API call without a reply: how to name another node, or the remedy of a TLS failure. */
  #findNode(cause: Error): string {
    const { code = '' } = cause as NodeJS.ErrnoException
    if (/^(?:ERR_SSL|EPROTO)/.test(code)) return 'the admin listener speaks plain HTTP; use an http:// URL'
    return findNodeHint
  }

  #refusal(status: number, document: Readonly<Record<string, unknown>>): CliError {
    // Recognize the data plane: a 404 without `detail` comes from the data plane: the admin API always sends `detail`.
    if (status === 404 && document['detail'] === undefined) return this.#notAdminApi(status)
    const { code, detail, hint } = document as { code?: unknown; detail?: unknown; hint?: unknown }
    const exitCode = status === 503 ? exitCodes.unreachable : exitCodes.invalid
    return new AdminRefusal(
      exitCode,
      `GH_ADMIN_${String(code ?? status).toUpperCase()}`,
      String(detail ?? `the node refused the call with status ${status}`),
      { hint: typeof hint === 'string' ? hint : hints[status], document },
    )
  }

  #notAdminApi(status: number): CliError {
    const message = `the reply of ${this.#base.origin} with status ${status} does not come from an admin API`
    const hint = 'check that --admin or GATEHOUSE_ADMIN_URL is the admin listener of a node'
    return new CliError(exitCodes.unreachable, 'GH_ADMIN_UNREACHABLE', message, hint)
  }
}

interface SendOptions {
  readonly body?: object | undefined
  readonly accept?: string
  /** Id of the last received event of an event stream; the stream continues after this event. */
  readonly place?: string
  /** Longest time without a byte from the node, ms. */
  readonly replyMs: number
}

const hints: Readonly<Record<number, string>> = {
  401: 'check that GATEHOUSE_ADMIN_TOKEN is a token for this node and has not expired',
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > REPLY_MAX_BYTES) throw new Error(`the reply is longer than ${REPLY_MAX_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function tokenOf(env: NodeJS.ProcessEnv): string {
  const file = env['GATEHOUSE_ADMIN_TOKEN_FILE']
  const inline = env['GATEHOUSE_ADMIN_TOKEN']
  if (inline) return validToken(inline)
  if (!file) {
    const message = 'the admin API requires a token: set GATEHOUSE_ADMIN_TOKEN or GATEHOUSE_ADMIN_TOKEN_FILE'
    const hint =
      'for a demo: eval "$(gatehouse demo env)"; otherwise a token of an issuer in admin.issuer, or the value of admin.bootstrap_token'
    throw new CliError(exitCodes.usage, 'GH_USAGE', message, hint)
  }
  const { secret, failure } = readSecret({ file }, env, process.cwd())
  if (secret === undefined) throw new CliError(exitCodes.usage, 'GH_USAGE', `GATEHOUSE_ADMIN_TOKEN_FILE: ${failure}`)
  return validToken(secret)
}

/**
 * Rejects an admin token that is not valid in a header field. `node:http` would otherwise quote the token in its error.
 */
function validToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CliError(
    exitCodes.usage,
    'GH_USAGE',
    'the admin token contains blanks or characters that are not allowed in a token',
  )
}
