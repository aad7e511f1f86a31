import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import { AuditRefused } from '../audit/audit-service.ts'
import { GatewayFault } from '../base/fault.ts'
import { LimitRefused } from '../limits/limit-service.ts'
import { nextRequestId } from '../pipeline/exchange/request-id.ts'
import type { PlainReply } from '../probes/plain-server.ts'
import { RevocationRefused } from '../revocation/revocation-order.ts'
import { ApiProblem } from './api-problem.ts'
import { type CallRecord, callLine } from './call-line.ts'
import { type CallerAuthenticator, requireScope } from './caller-authenticator.ts'
import type { AdminDependencies } from './dependencies.ts'
import { type StreamEvent, sendEvents } from './event-stream.ts'
import { FailedCalls, presentedBy } from './failed-calls.ts'
import { readJsonBody } from './json-body.ts'
import type { Done, Following, Operation } from './operation.ts'
import { operations } from './operations.ts'
import { shaped } from './shape.ts'

/** @param fields must never contain tokens or secrets */
export type AdminLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

/** Interval at which calls without a log line of their own are summarised in one log line, ms. */
const SUMMARY_MS = 10_000

/**
 * Handles calls of the admin API: authenticates the caller, checks the scope and runs the operation. Each call gets one
 * log line and one audit record. Failed calls of unknown callers are limited per address. Their log lines and audit
 * records are limited for all addresses together.
 */
export class AdminApi {
  readonly #failedCalls: FailedCalls
  #unrecorded = 0
  #unrecordedSummed = 0
  #summary: NodeJS.Timeout | undefined
  readonly #dependencies: AdminDependencies
  readonly #callers: CallerAuthenticator
  readonly #log: AdminLog

  constructor(
    dependencies: AdminDependencies,
    callers: CallerAuthenticator,
    log: AdminLog,
    failedCalls = new FailedCalls(),
  ) {
    this.#failedCalls = failedCalls
    this.#dependencies = dependencies
    this.#callers = callers
    this.#log = log
  }

  /** Whether this path belongs to the API, even if the API rejects the request. */
  serves({ url = '' }: IncomingMessage): boolean {
    const path = pathOf(url)
    return path === '/status' || path === '/api' || path.startsWith('/api/')
  }

  async answer(request: IncomingMessage): Promise<PlainReply> {
    const id = nextRequestId()
    const presented = presentedBy(request)
    if (this.#failedCalls.exhausted(presented)) {
      this.#leaveUnrecorded()
      return withId(this.#tooMany.reply(id), id)
    }
    const begunMs = Date.now()
    const seen: CallRecord = {}
    const reply = await this.#reply(request, id, seen)
    if (seen.caller === undefined) {
      // A fault of the gateway is not charged to the caller.
      const { recorded, delayMs } =
        reply.status < 500
          ? this.#failedCalls.failed(presented)
          : { recorded: this.#failedCalls.mayRecord(), delayMs: 0 }
      if (recorded) this.#record({ id, status: reply.status, begunMs }, request, seen)
      else this.#leaveUnrecorded()
      await this.#failedCalls.delay(delayMs)
    } else {
      this.#failedCalls.succeeded(presented)
      this.#record({ id, status: reply.status, begunMs }, request, seen)
    }
    return withId(reply, id)
  }

  /** Total calls without a log line and an audit record of their own. */
  get unrecorded(): number {
    return this.#unrecorded
  }

  get #tooMany(): ApiProblem {
    const fields = { 'retry-after': String(this.#failedCalls.retryAfterS) }
    return new ApiProblem('too_many_requests', 'too many failed calls from this address; wait before the next call', {
      fields,
      close: true,
    })
  }

  #record(
    call: { readonly id: string; readonly status: number; readonly begunMs: number },
    request: IncomingMessage,
    seen: CallRecord,
  ): void {
    this.#logCall(call.id, request, seen, call.status)
    const { node, shared } = this.#dependencies
    // A record of an unknown caller has no priority, so that it cannot displace other records.
    shared?.trail.add(callLine({ ...call, node: node.id }, request, seen), seen.caller !== undefined)
  }

  /** Logs a summary of unrecorded calls: the first call at once, further calls once per `SUMMARY_MS`. */
  #leaveUnrecorded(): void {
    this.#unrecorded++
    if (this.#summary !== undefined) return
    this.#sumUp()
    this.#summary = setTimeout(() => {
      this.#summary = undefined
      if (this.#unrecorded > this.#unrecordedSummed) this.#sumUp()
    }, SUMMARY_MS).unref()
  }

  #sumUp(): void {
    const count = this.#unrecorded - this.#unrecordedSummed
    this.#unrecordedSummed = this.#unrecorded
    this.#log('warn', 'failed admin calls were not logged one by one', { count })
  }

  async #reply(request: IncomingMessage, id: string, seen: CallRecord): Promise<PlainReply> {
    try {
      const done = await this.#run(request, seen)
      if ('events' in done) return this.#follow(request, id, done)
      const { status, document } = done
      return { status, type: 'application/json', body: `${JSON.stringify(document)}\n` }
    } catch (error) {
      const problem = problemOf(error)
      seen.problem = problem.code
      if (problem.code === 'internal_error') this.#log('error', 'admin call failed', { id, fault: describe(error) })
      else if (error instanceof GatewayFault) seen.note = { fault: error.message }
      return problem.reply(id)
    }
  }

  /** Runs the requested operation. Nothing about the operations is disclosed before the caller is identified. */
  async #run(request: IncomingMessage, seen: CallRecord): Promise<Done | Following> {
    refuseOtherOrigins(request)
    const caller = await this.#callers.identify(request)
    seen.caller = caller
    const { operation, segments } = find(request)
    seen.operation = operation.id
    requireScope(caller, operation.scope)
    const pathParameters = shaped(operation.pathParameters ?? nothing, segments, 'path')
    const query = shaped(operation.query ?? nothing, queryOf(request.url!), 'query')
    let body: unknown
    if (operation.method !== 'GET') {
      body = shaped(operation.body!, await readJsonBody(request), 'body')
      // The caller decides how long its body takes to arrive. Its token may have expired or been revoked in the
      // meantime.
      requireScope(await this.#callers.identify(request), operation.scope)
    }
    const lastEventId = request.headers['last-event-id']?.toString()
    const done = await operation.run({ query, body, pathParameters, dependencies: this.#dependencies, lastEventId })
    seen.note = done.note
    if ('document' in done) seen.revocation = done.revocation
    return done
  }

  #follow(request: IncomingMessage, id: string, { status, events, end }: Following): PlainReply {
    // End the stream at once for HEAD, and for a client that disconnected during authentication: its closed socket
    // emits no further `close` event.
    if (request.method === 'HEAD' || request.socket.destroyed) end()
    else request.socket.once('close', end)
    const stream = async (response: ServerResponse): Promise<void> => {
      try {
        await sendEvents(response, this.#whileKnown(request, events))
      } catch (error) {
        this.#log('warn', 'admin event stream failed', { id, reason: (error as Error).message })
      } finally {
        end()
      }
    }
    return { status, type: 'text/event-stream', body: '', stream, close: true }
  }

  /**
   * Passes events on while the caller's token is valid. The token is validated again at most once per
   * `CALLER_KNOWN_MS`; a token that expired or was revoked ends the stream.
   */
  async *#whileKnown(request: IncomingMessage, events: Following['events']): AsyncGenerator<StreamEvent | undefined> {
    let askedAt = performance.now()
    for await (const event of events) {
      if (performance.now() - askedAt > CALLER_KNOWN_MS) {
        await this.#callers.identify(request)
        askedAt = performance.now()
      }
      yield event
    }
  }

  #logCall(
    id: string,
    request: IncomingMessage,
    { operation, caller, problem, note }: CallRecord,
    status: number,
  ): void {
    this.#log(status < 400 ? 'info' : 'warn', 'admin call', {
      id,
      operation: operation ?? null,
      status,
      problem,
      who: caller?.who ?? null,
      client: caller?.client,
      credential: caller?.credential,
      address: request.socket.remoteAddress,
      ...note,
    })
  }
}

/** Time after which the token of a caller that follows a stream is validated again, ms. */
const CALLER_KNOWN_MS = 1000

const nothing = z.strictObject({})

function withId(reply: PlainReply, id: string): PlainReply {
  return { ...reply, fields: { ...reply.fields, 'x-request-id': id } }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!
}

/**
 * Rejects calls from web pages of other origins. Browsers send `Origin` with calls that can change state (Fetch,
 * `Origin`).
 */
function refuseOtherOrigins({ headers }: IncomingMessage): void {
  const { origin, host } = headers
  if (origin === undefined || URL.parse(origin)?.host === host) return
  throw new ApiProblem('forbidden', 'cross-origin request: a web page of another origin must not call the admin API')
}

interface Found {
  readonly operation: Operation
  /** Values of the path's segments in braces, by name. */
  readonly segments: Readonly<Record<string, string>>
}

function find({ url = '', method }: IncomingMessage): Found {
  const here = operations.flatMap((operation) => {
    const segments = segmentsIn(pathOf(url), operation.path)
    return segments === undefined ? [] : [{ operation, segments }]
  })
  if (here.length === 0) throw new ApiProblem('not_found', 'no operation has this path')
  const asked = method === 'HEAD' ? 'GET' : method
  const found = here.find(({ operation }) => operation.method === asked)
  if (found !== undefined) return found
  const allow = here.map(({ operation }) => operation.method).join(', ')
  throw new ApiProblem('method_not_allowed', `this path accepts only ${allow}`, { fields: { allow } })
}

/** @returns `undefined` when the path does not match the template */
function segmentsIn(path: string, template: string): Readonly<Record<string, string>> | undefined {
  const [given, wanted] = [path.split('/'), template.split('/')]
  if (given.length !== wanted.length) return undefined
  const segments: Record<string, string> = {}
  for (const [i, each] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(each)?.[1]
    if (name !== undefined) segments[name] = given[i]!
    else if (each !== given[i]) return undefined
  }
  return segments
}

/** Parses the query. A parameter that occurs twice becomes a list, which no operation accepts. */
function queryOf(url: string): Readonly<Record<string, unknown>> {
  const mark = url.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  return Object.fromEntries(
    [...new Set(query.keys())].map((name) => {
      const values = query.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}

function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof RevocationRefused) return new ApiProblem(error.code, error.message, { hint: error.hint })
  if (error instanceof AuditRefused) return new ApiProblem(error.code, error.message)
  if (error instanceof LimitRefused) return new ApiProblem(error.code, error.message)
  if (error instanceof GatewayFault && error.reason !== 'node-fault') {
    // Fault messages are written for operators. The caller is authenticated as one.
    return new ApiProblem('unavailable', error.message, { fields: { 'retry-after': '1' } })
  }
  return new ApiProblem(
    'internal_error',
    'the call failed because of a bug in Gatehouse; the log has the cause under the id in `instance`',
  )
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : 'a thrown value that is no Error'
}
