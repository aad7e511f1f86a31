import { type Reason, reasons } from '../../base/reasons.ts'
import { type DocumentPath, type Problem, type ProblemCode, problem } from '../../config/problem.ts'
import type { DryRunOutcome } from '../../explain/dry-run.ts'
import { type AskedRequest, InvalidRequest } from '../../explain/dry-run-request.ts'
import { verdictOf } from '../../explain/explain-outcome.ts'
import type { RequirementVerdict } from '../../explain/explanation.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { OfflineDecider } from '../offline-decider.ts'
import { completeClaims } from './complete-claims.ts'
import type { PolicyTest } from './policy-tests-schema.ts'
import type { PolicyTests } from './read-policy-tests.ts'

/** Decision of a policy on the request of a policy test. */
interface Decided {
  readonly status: number
  readonly reason: Reason
  readonly route: string | null
}

/** Runs every test of a file against a policy. @returns one problem for each failed test, in the order of the file */
export async function runPolicyTests(snapshot: Snapshot, { tests, locate }: PolicyTests): Promise<Problem[]> {
  const decider = new OfflineDecider(snapshot)
  const nowMs = Date.now()
  const failures: Problem[] = []
  for (const [i, test] of tests.entries()) {
    const failure = await failureOf(test, decider, nowMs)
    if (failure === undefined) continue
    const { code = 'GH_POLICY_TEST', message, hint } = failure
    const at = ['tests', i, ...failure.at]
    failures.push(problem(code, `${JSON.stringify(test.name)}: ${message}`, at, locate(at), hint))
  }
  return failures
}

/** Path of the wrong entry of a policy test, by the part of its request that is invalid. */
const placeOf = {
  url: ['url'],
  address: ['address'],
  fields: ['headers'],
  certificate: [],
  session: [],
  http_version: [],
} as const satisfies Record<InvalidRequest['part'], DocumentPath>

/** Message that says why a policy test failed, and the entry of the test that the message concerns. */
interface Failure extends Pick<Problem, 'message'> {
  readonly code?: ProblemCode
  readonly at: DocumentPath
  readonly hint?: string
}

async function failureOf(test: PolicyTest, decider: OfflineDecider, nowMs: number): Promise<Failure | undefined> {
  const outcome = await outcomeOf(test, decider, nowMs)
  if ('message' in outcome) return outcome
  const decided = decidedBy(outcome)
  const wrong = (['status', 'reason', 'route'] as const).find(
    (key) => test.expect[key] !== undefined && test.expect[key] !== decided[key],
  )
  if (wrong === undefined) return undefined
  const message = `expected ${decisionText(test.expect)}, got ${decisionText(decided)}; ${whyOf(outcome)}`
  return { at: ['expect', wrong], message }
}

async function outcomeOf(test: PolicyTest, decider: OfflineDecider, nowMs: number): Promise<DryRunOutcome | Failure> {
  const asked = askedBy(test, nowMs)
  try {
    const anonymous = await decider.decide(asked, undefined)
    const stated = test.token ?? test.session
    if (stated === undefined) return anonymous
    const kind = test.token === undefined ? 'session' : 'token'
    const claims = completeClaims({ kind, claims: stated }, anonymous.exchange)
    if ('complete' in claims) return await decider.decide(asked, { kind, claims: claims.complete })
    const message = `must state the issuer of the ${kind} in iss`
    const hint = `issuers to choose from: ${claims.candidates.join(', ') || 'none'}`
    return { code: 'GH_CONFIG_MISSING', at: [kind], message, hint }
  } catch (error) {
    if (error instanceof InvalidRequest) {
      return { code: 'GH_CONFIG_VALUE', at: ['request', ...placeOf[error.part]], message: error.message }
    }
    throw error
  }
}

function askedBy({ request }: PolicyTest, nowMs: number): Omit<AskedRequest, 'token'> {
  const { method, url, headers, address, at } = request
  const fields = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => [name, each] as const))
  return { method, url, fields, address, nowMs: at ?? nowMs }
}

function decidedBy({ exchange, refusal, answer }: DryRunOutcome): Decided {
  return {
    status: refusal?.status ?? answer?.status ?? reasons.admitted.status,
    reason: exchange.reason,
    route: exchange.route?.id ?? null,
  }
}

function decisionText({ status, reason, route }: PolicyTest['expect']): string {
  const parts = [status, reason, route === undefined ? undefined : route === null ? 'without a route' : `at ${route}`]
  return parts.filter((part) => part !== undefined).join(' ')
}

/**
 * Returns why a policy refused the request of a test: the conditions that the request does not meet, or else the
 * meaning of the reason.
 */
function whyOf({ exchange: x }: DryRunOutcome): string {
  if (x.faultMessage !== undefined) return x.faultMessage
  const requirement = x.route?.requirement
  const unmet = requirement === undefined || x.facts === undefined ? [] : unmetIn(verdictOf(requirement, x))
  return unmet.length === 0 ? reasons[x.reason].why : `not met: ${unmet.join('; ')}`
}

function unmetIn({ met, demand, parts }: RequirementVerdict): string[] {
  if (met !== false) return []
  const within = parts.flatMap(unmetIn)
  return within.length === 0 ? [demand] : within
}
