import type { z } from 'zod'
import type { RecordFacts } from '../audit/record-line.ts'
import type { ApiProblemCode } from './api-problem.ts'
import type { StreamEvent } from './event-stream.ts'
import type { AdminParts } from './parts.ts'
import type { Scope } from './scopes.ts'

/** What an operation is called with: checked by its schemas. */
export interface Call<Query, Body, PathParameters> {
  readonly query: Query
  readonly body: Body
  readonly pathParameters: PathParameters
  readonly parts: AdminParts
  /** Where a stream of events broke off that the caller goes on with. */
  readonly lastEventId: string | undefined
}

export interface Done {
  readonly status: 200 | 202
  readonly document: unknown
  /** For the log, beside who called what. Never a token. */
  readonly note?: Readonly<Record<string, unknown>>
  /** For the audit log: what was revoked. Never a token. */
  readonly revocation?: RecordFacts
}

/** What happens from now on, until the caller has enough. */
export interface Following {
  readonly status: 200
  readonly events: AsyncIterable<StreamEvent | undefined>
  /** The caller is gone. */
  end(): void
  readonly note?: Readonly<Record<string, unknown>>
}

interface OperationReply {
  readonly description: string
  readonly schema: z.ZodType
  /** Default application/json. */
  readonly type?: 'text/event-stream'
}

/** One operation of the admin API: the router, the OpenAPI document and the log read it from here. */
export interface Operation<Query = unknown, Body = unknown, PathParameters = unknown> {
  /** `operationId`, and its name in the log. */
  readonly id: string
  readonly method: 'GET' | 'POST'
  /** A segment in braces stands for one of its `pathParameters`. */
  readonly path: string
  readonly summary: string
  readonly description: string
  readonly scope: Scope
  /** A strict object of texts; `undefined`: it takes no query. */
  readonly query?: z.ZodType<Query>
  /** A strict object of texts, one for each segment in braces. */
  readonly pathParameters?: z.ZodType<PathParameters>
  /** A strict object; `undefined`: it takes none. */
  readonly body?: z.ZodType<Body>
  readonly replies: Readonly<Partial<Record<Done['status'], OperationReply>>>
  /** Beside those that every operation has. */
  readonly problems?: readonly ApiProblemCode[]
  run(call: Call<Query, Body, PathParameters>): Done | Promise<Done | Following>
}

/** Checks an operation against its own schemas; the table then needs to know only that it fits them. */
export function operation<Query, Body, PathParameters>(typed: Operation<Query, Body, PathParameters>): Operation {
  return typed as Operation
}
