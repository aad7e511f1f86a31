import type { z } from 'zod'
import type { RecordFacts } from '../audit/record-line.ts'
import type { ApiProblemCode } from './api-problem.ts'
import type { Caller } from './caller-authenticator.ts'
import type { AdminDependencies } from './dependencies.ts'
import type { StreamEvent } from './event-stream.ts'
import type { Scope } from './scopes.ts'

/** Parameters of an admin API call, validated by the operation's schemas. */
export interface Call<Query, Body, PathParameters> {
  readonly query: Query
  readonly body: Body
  readonly pathParameters: PathParameters
  readonly dependencies: AdminDependencies
  readonly caller: Caller
  /** Id of the last event that the client received, when the client resumes an event stream. */
  readonly lastEventId: string | undefined
}

export interface Done {
  readonly status: 200 | 202
  readonly document: unknown
  /** Additional fields for the log line of the admin API call. These fields must never contain a token. */
  readonly note?: Readonly<Record<string, unknown>>
  /** Facts about the revocation for the audit log. The facts must never contain a token. */
  readonly revocation?: RecordFacts
}

/** Reply that streams events until the client disconnects or the caller's token is no longer valid. */
export interface Following {
  readonly status: 200
  readonly events: AsyncIterable<StreamEvent | undefined>
  /**
   * Ends the source of the events of an event stream. Called when the stream has ended, for example because the client
   * disconnected.
   */
  end(): void
  readonly note?: Readonly<Record<string, unknown>>
}

interface OperationReply {
  readonly description: string
  readonly schema: z.ZodType
  /** Media type of the reply. Default: application/json. */
  readonly type?: 'text/event-stream'
}

/**
 * Example values of an admin API call and its reply, for the OpenAPI document. A test validates them against the
 * schemas.
 */
export interface OperationExample<Query, Body, PathParameters> {
  readonly query?: Partial<Query>
  readonly body?: Partial<Body>
  readonly pathParameters?: PathParameters
  readonly reply: unknown
}

/** One operation of the admin API. The router, the OpenAPI document and the log all use this definition. */
export interface Operation<Query = unknown, Body = unknown, PathParameters = unknown> {
  /** `operationId` in the OpenAPI document, and the operation's name in the log. */
  readonly id: string
  readonly method: 'GET' | 'POST'
  /** Path template. A segment in braces stands for one of the `pathParameters`. */
  readonly path: string
  readonly summary: string
  readonly description: string
  readonly scope: Scope
  /**
   * Returns the id of the service if a call concerns only one service of the policy; otherwise `undefined`. The owner
   * of this service may make the call without `scope`. Operations without this member always require `scope`.
   */
  readonly serviceOf?: (body: Body) => string | undefined
  /**
   * Schema of the query of an admin API operation: a strict object of strings. `undefined` when the operation has no
   * query parameters.
   */
  readonly query?: z.ZodType<Query>
  /**
   * Schema of the path parameters of an admin API operation: a strict object of strings, one for each segment in braces
   * of the path.
   */
  readonly pathParameters?: z.ZodType<PathParameters>
  /**
   * Schema of the request body of an admin API operation: a strict object. `undefined` when the operation has no
   * request body.
   */
  readonly body?: z.ZodType<Body>
  /** Maximum size of the request body, bytes. Default 64 KiB. */
  readonly bodyMaxBytes?: number
  readonly replies: Readonly<Partial<Record<Done['status'], OperationReply>>>
  /** Error codes that this admin API operation can return, in addition to those that every operation can return. */
  readonly problems?: readonly ApiProblemCode[]
  readonly example: OperationExample<Query, Body, PathParameters>
  run(call: Call<Query, Body, PathParameters>): Done | Promise<Done | Following>
}

/**
 * Declares an operation of the admin API. TypeScript checks `run` and the example against the schemas. The result has
 * no type parameters, so that all operations have the same type.
 */
export function operation<Query, Body, PathParameters>(typed: Operation<Query, Body, PathParameters>): Operation {
  return typed as Operation
}
