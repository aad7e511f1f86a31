import { z } from 'zod'
import type { RequirementKind, RequirementTree } from './requirement-kind.ts'
import { kindsIn, requirementKinds } from './requirement-kinds.ts'

const allKeys = requirementKinds.flatMap(({ keys }) => keys)

/** Schema of a requirement. Unknown keys are rejected, and the word `public` is not allowed. */
export const requirementTree: z.ZodType<RequirementTree> = z
  .lazy(() =>
    z.strictObject(shapeOf(requirementKinds)).check((context) => {
      const set = kindsIn(context.value).length
      // Report no missing key here: if no known key is set, a misspelt key has already been reported.
      if (set === 1 || (set === 0 && context.issues.length > 0)) return
      const message =
        set === 0
          ? `must state a condition: one of ${allKeys.join(', ')}`
          : 'must have one key; combine several requirements with all or any'
      const params = { code: 'GH_POLICY_REQUIREMENT' }
      context.issues.push({ code: 'custom', message, params, input: context.value, continue: true })
    }),
  )
  .meta({ id: 'requirement', anyOf: keyCounts(requirementKinds) })

/** Schema of the policy key `require`. */
export const requirementEntry = z.union([z.literal('public'), requirementTree], {
  error: `must be public, or a mapping with one of ${allKeys.join(', ')}`,
})

function shapeOf(kinds: readonly RequirementKind[]): Record<string, z.ZodOptional> {
  const schemas = kinds.flatMap((kind) => Object.entries(kind.schemas(requirementTree)))
  return Object.fromEntries(schemas.map(([key, schema]) => [key, schema.optional()]))
}

/**
 * JSON Schema of a requirement that limits the number of keys: one key, or several keys of one kind that combines keys.
 */
function keyCounts(kinds: readonly RequirementKind[]): object[] {
  const combined = kinds.filter(({ keys }) => keys.length > 1)
  return [
    { maxProperties: 1 },
    ...combined.map(({ keys }) => ({ propertyNames: { enum: keys }, maxProperties: keys.length })),
  ]
}
