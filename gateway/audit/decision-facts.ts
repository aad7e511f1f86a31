import { z } from 'zod'

const scalar = z.union([z.string(), z.number(), z.boolean()])

/**
 * Schema of the audit field `gatehouse.decision_facts`. Its value is JSON text, because an audit record has no nested
 * objects.
 */
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
 * Facts about a request that the requirements of a policy examine. With these facts another policy can decide the same
 * request again (`gatehouse check --from-audit`).
 *
 * - `credential`: kind of the credential; `unverified`: the request had a credential that the gate did not verify or
 *   that it rejected.
 * - `rules`: digest of the rules by which the issuer's tokens are validated.
 * - `bound`: whether a proof of possession of the token's DPoP key was required.
 * - `roles`: whether the caller has each role of the service. The key is the name of the role and a digest of the rules
 *   that map claims to the role.
 * - `claims`: values of the claims that the policy names. The key is the path of the claim as JSON text. `null`: the
 *   claim is absent; `{}`: the claim is an object, and its members are not recorded.
 * - `headers`: values of the request header fields that the policy names. `false`: the field is absent; `null`: the
 *   request repeats the field, so that its value is ambiguous.
 */
export type DecisionFacts = z.output<typeof decisionFacts>

/** @returns the parsed facts; `undefined` when the text does not contain valid decision facts */
export function readDecisionFacts(text: string): DecisionFacts | undefined {
  try {
    return decisionFacts.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
