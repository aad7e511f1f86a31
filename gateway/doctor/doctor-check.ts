import type { RedisSettings } from '../base/redis-topology.ts'
import type { Problem } from '../config/problem.ts'
import type { Secrets } from '../config/secrets.ts'
import type { LoadedSettings } from '../config/settings.ts'
import type { IssuerClient } from '../issuers/issuer-client.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { Outcome } from './finding.ts'

/** The node that `gatehouse doctor` checks, and the connections that its checks share. */
export interface Examined {
  readonly loaded: LoadedSettings
  /** The policy of the checked node; `undefined` when it is invalid or cannot be read. */
  readonly snapshot: Snapshot | undefined
  /** Result of reading the policy, if it is not the policy that the nodes enforce. */
  readonly policyOutcome?: Outcome | undefined
  /** Checks again the files that a start of the node reads. @returns their problems */
  readonly checkFiles: () => Promise<readonly Problem[]>
  /** Secrets with the values that their files have now. */
  readonly secrets: Secrets
  readonly issuers: IssuerClient
  /** Settings of Redis with the current secrets; `undefined` without Redis. */
  readonly redis: RedisSettings | undefined
  /** Returns a connection to Redis. @throws {Error} that names the cause, when Redis does not reply in time */
  readonly connectRedis: () => Promise<RedisClient>
}

/** One thing that `gatehouse doctor` checks, such as an issuer. */
export interface DoctorTask {
  /** Name of the checked thing, such as `issuer corp`. */
  readonly subject: string
  /**
   * Result of the check when `run` throws or does not end in time. Default: `failed`. `unknown` where the error says
   * nothing about the subject: without a connection to Redis, the rights of its user are unknown.
   */
  readonly onError?: 'unknown'
  /**
   * Runs the check. The message of an error that `run` throws becomes the detail, and must contain no secret.
   *
   * @param signal  aborts when the time for the check has ended
   */
  run(signal: AbortSignal): Promise<Outcome> | Outcome
}

/**
 * A kind of check of `gatehouse doctor`. A new kind is one file in `checks/` and one line in `doctor-checks.ts`. A check
 * connects only to addresses that the settings, the policy or the metadata of an issuer name, and changes nothing.
 */
export interface DoctorCheck {
  readonly name: string
  /** Remedy that is shown when a check throws or does not end in time. */
  readonly remedy: string
  /** Lists the things of this kind to check. Runs no check. */
  tasks(examined: Examined): readonly DoctorTask[]
}
