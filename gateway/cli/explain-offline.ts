import { dryRun } from '../explain/dry-run.ts'
import {
  type AskedRequest,
  buildDryRunRequest,
  type DryRunRequest,
  InvalidRequest,
} from '../explain/dry-run-request.ts'
import { explanationOf } from '../explain/explain-outcome.ts'
import type { Explanation } from '../explain/explanation.ts'
import { compilePolicy } from '../policy/compile.ts'
import { loadPolicy } from '../policy/policy-source.ts'
import { wrongUsage } from './explained-request.ts'
import { DEFAULT_ORIGIN, defaultSettings, offlineGate } from './offline-gate.ts'
import { keySetVerifier, uncheckedVerifier } from './offline-verifier.ts'

interface OfflineSources {
  /** Path of the policy by which `gatehouse explain` decides. */
  readonly policy: string
  /** Path of a key set document (RFC 7517); without a key set, signatures are not checked. */
  readonly jwks?: string | undefined
}

/**
 * Explains how a policy would decide a request, without calling a node.
 *
 * @throws {ConfigError} when the policy is invalid
 * @throws {CliError} when the key set or the request is invalid
 */
export async function explainOffline(asked: AskedRequest, { policy, jwks }: OfflineSources): Promise<Explanation> {
  const request = dryRunRequest(asked)
  const snapshot = compilePolicy(loadPolicy(policy))
  const { tokenMaxBytes } = defaultSettings().request
  const { verifier, ...explainer } =
    jwks === undefined
      ? uncheckedVerifier(tokenMaxBytes)
      : await keySetVerifier(jwks, snapshot.issuers.values(), tokenMaxBytes)
  const outcome = await dryRun(await offlineGate(snapshot, verifier, request.publicUrl), request)
  return explanationOf(outcome, { ...explainer, node: undefined, tokenMaxBytes, count: async () => undefined })
}

function dryRunRequest(asked: AskedRequest): DryRunRequest {
  try {
    return buildDryRunRequest(asked, { origin: DEFAULT_ORIGIN, acceptsHttp2: true })
  } catch (error) {
    throw error instanceof InvalidRequest ? wrongUsage(error.message) : error
  }
}
