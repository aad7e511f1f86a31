import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { nextRequestId } from '../pipeline/exchange/request-id.ts'
import { limitReplyTime } from '../probes/plain-server.ts'
import { literalUrl, noOperation, pathOf } from './api-path.ts'
import { ApiProblem } from './api-problem.ts'
import { CallAccounts } from './call-accounts.ts'
import { type AdminLog, CallLog } from './call-log.ts'
import type { Caller } from './caller-authenticator.ts'
import type { AdminDependencies } from './dependencies.ts'
import { type StreamEvent, sendEvents } from './event-stream.ts'
import { FailedCalls, presentedBy } from './failed-calls.ts'
import { readJsonBody, requireJson } from './json-body.ts'
import type { Following, Operation } from './operation.ts'
import { operations } from './operations.ts'
import { isOfOtherOrigin } from './own-host.ts'
import { problemOf } from './problem-of.ts'
import { requireScope, requireScopeFor } from './required-scope.ts'
import { requestSchema, routePath } from './route.ts'
import { validatorCompiler } from './shape.ts'

/** Authenticates the callers of the admin API. */
export interface AdminCallers {
  /** @throws {ApiProblem} when the caller is unknown */
  identify(request: IncomingMessage): Promise<Caller>
}

export interface AdminApiOptions {
  readonly failedCalls?: FailedCalls
  /** Maximum time for a client of the admin API to read a complete reply, ms. Default 10 s. */
  readonly replyMs?: number
}

/** While a caller of the admin API receives an event stream: minimum time between two validations of its token, ms. */
const CALLER_KNOWN_MS = 1000
/**
 * Longest path parameter that the router of the admin API accepts, characters. The schema of each operation sets the
 * actual limit.
 */
const PARAMETER_MAX = 16 * 1024
/**
 * Schema compilers for fastify. Without this object fastify would load its default compilers, which cost memory and
 * start time. The casts are necessary, because fastify's types describe only the default compilers.
 */
const compilersFactory = {
  buildValidator: () => validatorCompiler as never,
  buildSerializer: () => (() => jsonLine) as never,
}

/**
 * Handles calls of the admin API: authenticates the caller, checks the scope, validates the input and runs the
 * operation. Each call gets one log line and one audit record. Failed calls of unauthenticated callers are limited per
 * client address. Their log lines and audit records are limited for all addresses together: above this limit a call is
 * only counted.
 */
export class AdminApi {
  readonly #app: FastifyInstance
  readonly #dependencies: AdminDependencies
  readonly #callers: AdminCallers
  readonly #log: AdminLog
  /** Accounts for the calls of the API, and for log-ins to the console. */
  readonly accounts: CallAccounts

  private constructor(
    dependencies: AdminDependencies,
    callers: AdminCallers,
    log: AdminLog,
    { failedCalls = new FailedCalls(), replyMs }: AdminApiOptions,
  ) {
    this.#dependencies = dependencies
    this.#callers = callers
    this.#log = log
    this.accounts = new CallAccounts(new CallLog(dependencies.node.id, dependencies.shared?.trail, log), failedCalls)
    this.#app = this.#createApp(replyMs)
  }

  static async open(
    dependencies: AdminDependencies,
    callers: AdminCallers,
    log: AdminLog,
    options: AdminApiOptions = {},
  ): Promise<AdminApi> {
    const api = new AdminApi(dependencies, callers, log, options)
    await api.#app.ready()
    return api
  }

  /**
   * Whether the path of the request belongs to the admin API. Also true for a path without an operation, which the API
   * rejects.
   */
  serves({ url = '' }: IncomingMessage): boolean {
    const path = pathOf(url)
    return path === '/status' || path === '/api' || path.startsWith('/api/')
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    this.#app.routing(request, response)
  }

  close(): Promise<void> {
    return this.#app.close()
  }

  #createApp(replyMs: number | undefined): FastifyInstance {
    const app: FastifyInstance = Fastify({
      genReqId: nextRequestId,
      rewriteUrl: ({ url = '' }) => literalUrl(url),
      routerOptions: { maxParamLength: PARAMETER_MAX },
      schemaController: { compilersFactory },
    })
    app.decorateRequest('call')
    app.addHook('onRequest', (request, reply) => this.#admit(request, reply))
    app.addHook('onSend', async (_request, { raw }) => limitReplyTime(raw, replyMs))
    app.removeAllContentTypeParsers()
    // This parser of request bodies reads nothing: the hook `preValidation` reads the body instead, because fastify
    // would close the connection after an error in a parser.
    app.addContentTypeParser('*', async () => undefined)
    app.setErrorHandler((error, request, reply) => this.#reject(error, request, reply))
    app.setNotFoundHandler(({ originalUrl }) => {
      throw noOperation(pathOf(originalUrl))
    })
    for (const operation of operations) this.#addRoute(app, operation)
    return app
  }

  #addRoute(app: FastifyInstance, operation: Operation): void {
    app.route({
      method: operation.method,
      url: routePath(operation),
      schema: requestSchema(operation),
      onRequest: async ({ call }) => {
        call.operation = operation.id
        requireScope(call.caller!, operation)
      },
      ...(operation.body && {
        preParsing: async ({ headers }: FastifyRequest) => requireJson(headers),
        preValidation: async (request: FastifyRequest) => {
          request.body = await readJsonBody(request.raw, operation.bodyMaxBytes)
        },
        // Validate the caller's token again after the body has arrived: the caller can send the body slowly, and the
        // token can expire or be revoked meanwhile.
        preHandler: async ({ raw, body }: FastifyRequest) =>
          requireScopeFor(await this.#callers.identify(raw), operation, body),
      }),
      handler: (request, reply) => this.#run(operation, request, reply),
    })
  }

  /** Authenticates the caller before anything else, so that an unknown caller does not learn which operations exist. */
  async #admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { id, raw, headers } = request
    reply.raw.setHeader('x-request-id', id)
    const call: FastifyRequest['call'] = { begunMs: Date.now() }
    request.call = call
    this.accounts.requireBudget(request, presentedBy(raw))
    if (isOfOtherOrigin(headers)) {
      const detail = 'cross-origin request: a web page of another origin must not call the admin API'
      throw new ApiProblem('forbidden', detail)
    }
    call.caller = await this.#callers.identify(raw)
    // Reject an unknown path before the body is read. fastify itself would reject it only after the body.
    if (request.is404) throw noOperation(pathOf(request.originalUrl))
  }

  async #run(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { call, query, body, params: pathParameters } = request
    const lastEventId = request.headers['last-event-id']?.toString()
    const dependencies = this.#dependencies
    const caller = call.caller!
    const done = await operation.run({ query, body, pathParameters, dependencies, caller, lastEventId })
    call.note = done.note
    if ('document' in done) call.revocation = done.revocation
    await this.accounts.settle(request, presentedBy(request.raw), done.status)
    if ('events' in done) return this.#follow(request, reply, done)
    return reply.code(done.status).type('application/json').serializer(jsonLine).send(done.document)
  }

  async #reject(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { id, call } = request
    const { problem, fault, bug } = problemOf(error)
    if (bug !== undefined) this.#log('error', 'admin call failed because of a bug in Gatehouse', { id, fault: bug })
    if (call.limited !== true) {
      call.problem = problem.code
      if (fault !== undefined) call.note = { fault }
      await this.accounts.settle(request, presentedBy(request.raw), problem.status)
    }
    const { fields = {}, close = false } = problem.options
    if (close) reply.raw.shouldKeepAlive = false
    return reply
      .code(problem.status)
      .headers(fields)
      .type('application/problem+json')
      .serializer(jsonLine)
      .send(problem.document(id))
  }

  async #follow(
    { id, raw: request, socket }: FastifyRequest,
    reply: FastifyReply,
    following: Following,
  ): Promise<void> {
    const { status, events, end } = following
    const { raw: response } = reply.hijack()
    response.shouldKeepAlive = false
    response.writeHead(status, { 'content-type': 'text/event-stream' })
    // End the event stream of an admin API call at once for HEAD, and when the client has already disconnected: its
    // socket would emit no further `close` event that ends the stream.
    if (request.method === 'HEAD' || socket.destroyed) {
      end()
      limitReplyTime(response)
      response.end()
      return
    }
    socket.once('close', end)
    response.flushHeaders()
    try {
      await sendEvents(response, this.#whileKnown(request, events))
    } catch (error) {
      this.#log('warn', 'event stream of the admin API ended because of an error', {
        id,
        reason: (error as Error).message,
      })
    } finally {
      end()
    }
  }

  /**
   * Yields the given events while the caller's token is valid. The token is validated again at most once per
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
}

function jsonLine(document: unknown): string {
  return `${JSON.stringify(document)}\n`
}
