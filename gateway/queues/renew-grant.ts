import { z } from 'zod'
import type { JobContract } from './job-contract.ts'

export interface RenewGrant {
  /** Name of the issuer in the policy. Also the name of the queue, so each issuer has its own rate. */
  readonly issuer: string
  /** Id of the client credentials grant. */
  readonly grant: string
  /** Id of the token that is due for renewal. If Redis has another valid token, no renewal is needed. */
  readonly token: string
}

/** Job that renews the cluster's token of a client credentials grant before it expires. */
export const renewGrant: JobContract<RenewGrant> = {
  kind: 'grant',
  payload: z.object({
    issuer: z.string().min(1).max(64),
    grant: z.string().regex(/^[0-9a-f]{32}$/),
    token: z.string().regex(/^[0-9a-f]{16}$/),
  }),
  attempts: 4,
  backoffMs: 2000,
  waitingMax: 1000,
}
