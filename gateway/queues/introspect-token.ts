import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

export interface IntrospectToken {
  /** Name of the issuer in the policy. Also the name of the queue, so each issuer has its own rate. */
  readonly issuer: string
  /** Keyed hash of issuer and token. Redis stores the encrypted token under this hash. */
  readonly token: string
  readonly form: 'opaque' | 'jwt'
  /** W3C `traceparent` of the exchange that caused this job. Omitted when the trace of the exchange is not recorded. */
  readonly traceparent?: string | undefined
}

/** Job that introspects a token in use again, before the cached introspection response is too old. */
export const introspectToken: JobContract<IntrospectToken> = {
  kind: 'introspect',
  payload: z.object({
    issuer: z.string().min(1).max(64),
    token: z.string().regex(/^[0-9a-f]{64}$/),
    form: z.enum(['opaque', 'jwt']),
    traceparent: z
      .string()
      .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      .optional(),
  }),
  attempts: 4,
  backoffMs: 500,
  waitingMax: 10_000,
}
