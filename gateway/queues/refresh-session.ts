import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

export interface RefreshSession {
  /** Name of the issuer in the policy. Also the name of the queue, so each issuer has its own rate. */
  readonly issuer: string
  readonly session: string
  /**
   * Version of the session whose tokens are about to expire. If the session has a newer version, no refresh is needed.
   */
  readonly version: number
}

/** Job that refreshes the tokens of a session in use, before the tokens expire. */
export const refreshSession: JobContract<RefreshSession> = {
  kind: 'refresh',
  payload: z.object({
    issuer: z.string().min(1).max(64),
    session: z.string().regex(/^[0-9a-f]{32}$/),
    version: z.int().positive(),
  }),
  attempts: 4,
  backoffMs: 2000,
  waitingMax: 10_000,
}
