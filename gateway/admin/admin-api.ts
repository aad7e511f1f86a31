import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import { AuditRefused } from '../audit/audit-desk.ts'
import { GatewayFault } from '../base/fault.ts'
import { LimitRefused } from '../limits/limit-desk.ts'
import { nextRequestId } from '../pipeline/request-id.ts'
import type { PlainReply } from '../probes/plain-server.ts'
import { RevocationRefused } from '../revocation/revocation-order.ts'
import { ApiProblem } from './api-problem.ts'
import { type CallRecord, callLine } from './call-line.ts'
import { type Callers, requireScope } from './callers.ts'
import { type StreamEvent, sendEvents } from './event-stream.ts'
import { FailedCalls, presentedBy } from './failed-calls.ts'
import { readJsonBody } from './json-body.ts'
import type { Done, Following, Operation } from './operation.ts'
import { operations } from './operations.ts'
import type { AdminParts } from './parts.ts'
import { shaped } from './shape.ts'

/** @param fields  never tokens or secrets */
export type AdminLog = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void

/** How often the calls that were not logged one by one are summed up in one line, ms. */
const SUMMARY_MS = 10_000

/**
 * Takes calls of the admin API: who, what, whether it may be; one line in the log for each, and one record. Calls of nobody in
 * particular are limited by address, and their lines and records in all.
 */
export class AdminApi {
  readonly #failedCalls: FailedCalls
  #unrecorded = 0
  #unrecordedSummed = 0
  #summary: NodeJS.Timeout | undefined
  readonly #parts: AdminParts
  readonly #callers: Callers
  readonly #log: AdminLog

  constructor(parts: AdminParts, callers: Callers, log: AdminLog, failedCalls = new FailedCalls()) {
    this.#failedCalls = failedCalls
    this.#parts = parts
    this.#callers = callers
    this.#log = log
  }

  /** Whether the target is the API's to answer, be it by a refusal. */
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
      // Our own fault is not charged to the caller.
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

  /** Calls that had no log line and no audit record of their own. */
  get unrecorded(): number {
    return this.#unrecorded
  }

  get #tooMany(): ApiProblem {
    const fields = { 'retry-after': String(this.#failedCalls.retryAfterS) }
    return new ApiProblem('too_many_requests', 'too many failed calls from this address', { fields, close: true })
  }

  #record(
    call: { readonly id: string; readonly status: number; readonly begunMs: number },
    request: IncomingMessage,
    seen: CallRecord,
  ): void {
    this.#logCall(call.id, request, seen, call.status)
    const { node, shared } = this.#parts
    // A call of somebody unknown must not displace records, either.
    shared?.trail.add(callLine({ ...call, node: node.id }, request, seen), seen.caller !== undefined)
  }

  /** Sums such calls up in the log: the first at once, the others of each interval in one line. */
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

  /** Nothing is said about what there is before it is known who asks. */
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
      // The caller decides how long its body takes: its token may have expired or been revoked meanwhile.
      requireScope(await this.#callers.identify(request), operation.scope)
    }
    const lastEventId = request.headers['last-event-id']?.toString()
    const done = await operation.run({ query, body, pathParameters, parts: this.#parts, lastEventId })
    seen.note = done.note
    if ('document' in done) seen.revocation = done.revocation
    return done
  }

  #follow(request: IncomingMessage, id: string, { status, events, end }: Following): PlainReply {
    // Nobody follows by HEAD, nor who left while it was found out who asks: a socket that is closed says so no more.
    if (request.method === 'HEAD' || request.socket.destroyed) end()
    else request.socket.once('close', end)
    const stream = async (response: ServerResponse): Promise<void> => {
      try {
        await sendEvents(response, this.#whileKnown(request, events))
      } catch (error) {
        this.#log('warn', 'admin stream broke off', { id, reason: (error as Error).message })
      } finally {
        end()
      }
    }
    return { status, type: 'text/event-stream', body: '', stream, close: true }
  }

  /** Whose token runs out or is revoked meanwhile is told nothing more: it is asked for again now and then. */
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

/** So long a caller who follows something is taken for who it was. */
const CALLER_KNOWN_MS = 1000

const nothing = z.strictObject({})

function withId(reply: PlainReply, id: string): PlainReply {
  return { ...reply, fields: { ...reply.fields, 'x-request-id': id } }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!
}

/** A browser says which page makes a call that could change something (Fetch, `Origin`). None of ours does. */
function refuseOtherOrigins({ headers }: IncomingMessage): void {
  const { origin, host } = headers
  if (origin === undefined || URL.parse(origin)?.host === host) return
  throw new ApiProblem('forbidden', 'a web page of another origin may not call the admin API')
}

interface Found {
  readonly operation: Operation
  /** What stands where its path has braces, by name. */
  readonly segments: Readonly<Record<string, string>>
}

function find({ url = '', method }: IncomingMessage): Found {
  const here = operations.flatMap((operation) => {
    const segments = segmentsIn(pathOf(url), operation.path)
    return segments === undefined ? [] : [{ operation, segments }]
  })
  if (here.length === 0) throw new ApiProblem('not_found', 'there is no such operation')
  const asked = method === 'HEAD' ? 'GET' : method
  const found = here.find(({ operation }) => operation.method === asked)
  if (found !== undefined) return found
  const allow = here.map(({ operation }) => operation.method).join(', ')
  throw new ApiProblem('method_not_allowed', `the methods here are ${allow}`, { fields: { allow } })
}

/** `undefined`: the path is another one. */
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

/** One that occurs twice is a list, which no parameter is. */
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
    // Messages of faults are for operators, and whoever calls here is one.
    return new ApiProblem('unavailable', error.message, { fields: { 'retry-after': '1' } })
  }
  return new ApiProblem('internal_error', 'the call failed; the log has the cause')
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : 'an unknown error'
}
