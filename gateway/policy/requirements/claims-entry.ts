import { z } from 'zod'
import { claimPath, dottedClaim } from '../claim-path.ts'

/** A value to compare a claim with. Value and type must match: `1` is not `"1"`. */
export type ClaimValue = string | number | boolean

/** One claim and the values that it must hold. At least one list is set. */
export interface ClaimEntry {
  readonly claim: readonly string[]
  readonly all?: readonly ClaimValue[] | undefined
  readonly any?: readonly ClaimValue[] | undefined
}

const value = z.union(
  [
    z.string().min(1).max(1024),
    z.boolean(),
    // Beyond 2^53 two different numbers in a token can parse as the same number.
    z.number().refine((number) => !Number.isInteger(number) || Number.isSafeInteger(number), {
      error: 'must be a number that JSON readers agree on, within ±(2^53 − 1)',
    }),
  ],
  { error: 'must be a text, a number, or true or false' },
)

const lists = {
  all: z.array(value).min(1).optional().describe('The claim holds every one of these: a list, or the only one itself.'),
  any: z.array(value).min(1).optional().describe('The claim is, or as a list holds, one of these.'),
}

type Lists = Pick<ClaimEntry, 'all' | 'any'>

const demands = ({ all, any }: Lists) => all !== undefined || any !== undefined
const demandsNothing = {
  error: 'demands nothing; name the wanted values under all or any',
  params: { code: 'GH_POLICY_REQUIREMENT' },
}

const byName = z
  .record(dottedClaim, z.strictObject(lists).refine(demands, demandsNothing))
  .refine((claims) => Object.keys(claims).length > 0, {
    error: 'demands nothing; name a claim',
    params: { code: 'GH_POLICY_REQUIREMENT' },
  })
  .transform((claims): readonly ClaimEntry[] =>
    Object.entries(claims).map(([name, wanted]) => ({ claim: name.split('.'), ...wanted })),
  )

const listed = z
  .array(
    z
      .strictObject({
        claim: claimPath.describe('Where the claim is: names joined by dots, or a list of names that hold dots.'),
        ...lists,
      })
      .refine(demands, demandsNothing),
  )
  .min(1)

/**
 * Claims by name, `{ amr: { any: [mfa] } }`; or a list, for names that contain a dot: `[{ claim:
 * ["https://api.example/tier"], any: [gold] }]`. Both forms are parsed into the list.
 */
export const claimsEntry = z.union([byName, listed], {
  error: 'must be a mapping of claims to { any } or { all }, or a list of { claim, any, all }',
})
