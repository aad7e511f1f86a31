import { z } from 'zod'

const scalar = z.union([z.string(), z.number(), z.boolean()])

/** Schema of the audit field `gatehouse.decision_facts`. It is a JSON string: records are flat. */
const decisionFacts = z.object({
  credential: z.enum(['none', 'token', 'session', 'client', 'certificate', 'unverified']),
  rules: z.string().optional(),
  scopes: z.array(z.string()).optional(),
  acr: z.string().optional(),
  auth_time: z.number().optional(),
  bound: z.boolean().optional(),
  roles: z.record(z.string(), z.boolean()).optional(),
  claims: z.record(z.string(), z.union([scalar, z.array(scalar), z.object({}), z.null()])).optional(),
  headers: z.record(z.string(), z.union([z.string(), z.literal(false), z.null()])).optional(),
})

/**
 * Facts of a request that requirements examine. They allow the decision to be repeated by another policy
 * (`gatehouse check --from-audit`).
 *
 * - `credential`: kind of the credential; `unverified`: the request had one that the gate did not verify, or rejected.
 * - `rules`: digest of the rules by which the issuer's tokens are validated.
 * - `bound`: whether a proof of possession of the token's DPoP key was required.
 * - `roles`: whether the roles of the service are granted, by name and digest of the mapping.
 * - `claims`: values of the claims that the policy names, by the JSON text of their path; `null`: absent; `{}`: an
 *   object, whose members are not recorded.
 * - `headers`: values of the request fields that the policy names; `false`: absent; `null`: ambiguous, as repeated.
 */
export type DecisionFacts = z.output<typeof decisionFacts>

/** @returns `undefined` when the text is no such document */
export function readDecisionFacts(text: string): DecisionFacts | undefined {
  try {
    return decisionFacts.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
