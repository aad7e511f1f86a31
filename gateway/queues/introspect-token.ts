import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

export interface IntrospectToken {
  /** Name of the issuer in the policy; also the name of the queue, so that each issuer has a rate of its own. */
  readonly issuer: string
  /** Keyed hash of issuer and token, under which Redis has the token sealed. */
  readonly token: string
  readonly form: 'opaque' | 'jwt'
  /** The recorded exchange whose use of the token ordered this (W3C `traceparent`); left out where it is not recorded. */
  readonly traceparent?: string | undefined
}

/** Asks an issuer again about a token in use, before what it said has aged. */
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
