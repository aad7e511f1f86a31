import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { forbiddenKeys } from '../../config/yaml-document.ts'
import { isUnknownClaim } from '../../oauth/identity-claims.ts'
import { claimAt } from '../claim-at.ts'
import { claimPath, dottedClaim, printClaimPath } from '../claim-path.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { allOf } from './all.ts'
import { formatLists } from './names.ts'
import { conditionText, requirementKind } from './requirement-kind.ts'

/** Schema of a value that is compared with a claim. Value and type must be equal: `1` does not match `"1"`. */
const value = z.union(
  [
    z.string().min(1).max(1024),
    z.boolean(),
    // Reject numbers beyond 2^53: two different integers in a token can parse as the same number.
    z.number().refine((number) => !Number.isInteger(number) || Number.isSafeInteger(number), {
      error: 'must be a number that JSON readers agree on, within ±(2^53 − 1)',
    }),
  ],
  { error: 'must be a text, a number, or true or false' },
)

const lists = {
  all: z
    .array(value)
    .min(1)
    .optional()
    .describe('Values that the claim must contain, all of them. The claim is a single value or a list.'),
  any: z
    .array(value)
    .min(1)
    .optional()
    .describe('Values of which the claim must contain at least one. The claim is a single value or a list.'),
}

const listsWanted = z.strictObject(lists)
const hasList = ({ all, any }: z.output<typeof listsWanted>) => all !== undefined || any !== undefined
const withoutValues = {
  error: 'must state a condition: values under all or any',
  params: { code: 'GH_POLICY_REQUIREMENT' },
}

const listed = z
  .array(
    z
      .strictObject({
        claim: claimPath.describe('Path of the claim: names joined by dots, or a list when a name contains a dot.'),
        ...lists,
      })
      .refine(hasList, withoutValues),
  )
  .min(1)

/** One claim and the values that it must contain. At least one of the lists `any` and `all` is set. */
export type ClaimEntry = z.output<typeof listed>[number]

const byName = z
  .record(dottedClaim, listsWanted.refine(hasList, withoutValues))
  .refine((claims) => Object.keys(claims).length > 0, {
    error: 'must state a condition: the name of a claim',
    params: { code: 'GH_POLICY_REQUIREMENT' },
  })
  .transform((claims): ClaimEntry[] =>
    Object.entries(claims).map(([name, wanted]) => ({ claim: name.split('.'), ...wanted })),
  )

/**
 * Schema of claims by name, `{ amr: { any: [mfa] } }`; or as a list, for names that contain a dot: `[{ claim:
 * ["https://api.example/tier"], any: [gold] }]`. The parsed value is always the list.
 */
const claimEntries = z.union([byName, listed], {
  error: 'must be a mapping of claims to { any } or { all }, or a list of { claim, any, all }',
})

export const claims = requirementKind({
  key: 'claims',
  schema: claimEntries.describe(
    'Claims of the token. Every listed claim must match. Values are compared with their type: strings, numbers, ' +
      'booleans, or lists of them.',
  ),
  reasons: ['claim-mismatch'],
  compile: (entries, { path, names, negated }) => {
    for (const { claim } of entries) names.claimNamed(claim)
    return allOf(
      entries.map((entry) => new Claim(entry, negated)),
      path,
    )
  },
  print: printClaims,
  conditions: (entries) => entries.map((entry) => conditionText('claim', entry)),
})

const mismatch = denial('claim-mismatch')

/**
 * Requirement on one claim of the token. The claim must equal or contain one value of `any`, and every value of `all`.
 * Values are compared with their type: neither `"1"` nor `true` equals `1`. Denies 403 `forbidden`.
 *
 * An unknown claim of a session always leads to a denial. The requirement then counts as unmet, or as met inside an odd
 * number of `not`.
 */
class Claim implements Requirement {
  readonly demand: string
  readonly reason = 'claim-mismatch'
  readonly subRequirements = []
  readonly #path: readonly string[]
  readonly #all: readonly z.output<typeof value>[]
  readonly #any: ReadonlySet<unknown> | undefined

  readonly #negated: boolean

  /** @param negated  true inside an odd number of `not`, where an unmet requirement helps the client */
  constructor({ claim, all, any }: ClaimEntry, negated: boolean) {
    this.demand = `claim ${formatPath(claim)} ${formatLists({ all, any }, (value) => JSON.stringify(value))}`
    this.#path = claim
    this.#all = all ?? []
    this.#any = any && new Set(any)
    this.#negated = negated
  }

  evaluate({ token }: RequirementInput): Denial | undefined {
    const claim = claimAt(token.claims, this.#path)
    const met = Array.isArray(claim) ? this.#inList(claim) : this.#isMetBy(claim)
    if (met || (this.#negated && isUnknownClaim(token.claims, this.#path[0]!))) return undefined
    return mismatch
  }

  #isMetBy(claim: unknown): boolean {
    for (const value of this.#all) if (claim !== value) return false
    return this.#any === undefined || this.#any.has(claim)
  }

  #inList(claim: readonly unknown[]): boolean {
    for (const value of this.#all) if (!claim.includes(value)) return false
    if (this.#any === undefined) return true
    for (const member of claim) if (this.#any.has(member)) return true
    return false
  }
}

/** Formats the path of a claim for `gatehouse explain`, as a policy states the path. */
function formatPath(path: readonly string[]): string {
  const printed = printClaimPath(path)
  return typeof printed === 'string' ? printed : JSON.stringify(printed)
}

/**
 * Formats claim requirements as a mapping by name if a mapping can express their names and their order, else as a list.
 */
function printClaims(claims: readonly ClaimEntry[]): object {
  const names = claims.map(({ claim }) => printClaimPath(claim))
  const byName = Object.fromEntries(claims.map(({ claim: _, ...wanted }, i) => [String(names[i]), wanted]))
  const order = Object.keys(byName)
  const plain = names.every((name, i) => name === order[i] && !forbiddenKeys.has(order[i]!) && name !== '<<')
  if (plain && names.length === order.length) return byName
  return claims.map(({ claim, ...wanted }) => ({ claim: printClaimPath(claim), ...wanted }))
}
