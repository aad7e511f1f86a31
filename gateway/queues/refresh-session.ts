import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

export interface RefreshSession {
  /** Name of the issuer in the policy; also the name of the queue, so that each issuer has a rate of its own. */
  readonly issuer: string
  readonly session: string
  /** Whose tokens are about to run out: a newer version needs no refresh. */
  readonly version: number
}

/** Refreshes the tokens of a session in use, before they run out. */
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
