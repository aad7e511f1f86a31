import { z } from 'zod'
import { text } from './parsed.ts'

/** One node of a requirement: exactly one key is set. */
export interface RequirementTree {
  readonly all?: readonly RequirementTree[] | undefined
  readonly any?: readonly RequirementTree[] | undefined
  readonly not?: RequirementTree | undefined
  readonly scopes?: NamedSet | undefined
  readonly roles?: NamedSet | undefined
}

/** Names of which all, or at least one, must be held; where both are set, both. At least one list is set. */
export interface NamedSet {
  readonly all?: readonly string[] | undefined
  readonly any?: readonly string[] | undefined
}

export type RequirementEntry = 'public' | RequirementTree

/** RFC 6749 §3.3: visible ASCII without the quotation mark and the backslash. */
const scopeName = text(
  'a scope: visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)
const roleName = text('the name of a role', /^[^\s\x00-\x1f\x7f]{1,128}$/)

function namedSet(name: typeof scopeName) {
  return z
    .strictObject({
      all: z.array(name).min(1).optional().describe('Every one of these must be held.'),
      any: z.array(name).min(1).optional().describe('At least one of these must be held.'),
    })
    .refine(({ all, any }) => all !== undefined || any !== undefined, {
      error: 'demands nothing; name the wanted ones under all or any',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
}

const kinds = 'all, any, not, scopes, roles'

const requirementTree: z.ZodType<RequirementTree> = z
  .lazy(() =>
    z
      .strictObject({
        all: z
          .array(requirementTree)
          .min(1)
          .optional()
          .describe('Met when every part is; the first that is not decides.'),
        any: z.array(requirementTree).min(1).optional().describe('Met when one part is.'),
        not: requirementTree.optional().describe('Met when the part is not.'),
        scopes: namedSet(scopeName)
          .optional()
          .describe('Scopes of the token. A missing one is 403 insufficient_scope.'),
        roles: namedSet(roleName).optional().describe('Roles, as the service maps them from claims.'),
      })
      .check((context) => {
        const set = Object.values(context.value).filter((part) => part !== undefined).length
        // A misspelt key has been complained about already.
        if (set === 1 || (set === 0 && context.issues.length > 0)) return
        const message =
          set === 0 ? `demands nothing; use one of ${kinds}` : 'has several keys; join the parts by all or any'
        const params = { code: 'GH_POLICY_REQUIREMENT' }
        context.issues.push({ code: 'custom', message, params, input: context.value, continue: true })
      }),
  )
  .meta({ id: 'requirement' })

export const requirementEntry = z.union([z.literal('public'), requirementTree], {
  error: `must be public, or one of ${kinds}`,
})
