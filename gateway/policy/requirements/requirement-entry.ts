import { z } from 'zod'
import { entryName } from '../../config/entry-name.ts'
import { duration, text } from '../../config/parsed.ts'
import { type AddressLists, addressLists } from '../address-lists.ts'
import { type ClaimEntry, claimsEntry } from './claims-entry.ts'
import { fieldName } from './field-name.ts'
import { type TimeEntry, timeEntry } from './time-entry.ts'

/** One node of a requirement tree: exactly one key is set. */
export interface RequirementTree {
  readonly all?: readonly RequirementTree[] | undefined
  readonly any?: readonly RequirementTree[] | undefined
  readonly not?: RequirementTree | undefined
  readonly scopes?: NamedSet | undefined
  readonly roles?: NamedSet | undefined
  /** Claims that must all match. */
  readonly claims?: readonly ClaimEntry[] | undefined
  readonly clients?: ClientsEntry | undefined
  /** Request fields that must all match, by case-insensitive name. */
  readonly headers?: Readonly<Record<string, FieldEntry>> | undefined
  readonly addresses?: AddressLists | undefined
  readonly time?: TimeEntry | undefined
  /** Name of the issuer that the session must come from. */
  readonly session?: string | undefined
  /** Accepted `acr` values, in the order in which the gate requests them. When `max_age` is also set, both apply. */
  readonly acr?: readonly string[] | undefined
  /** Maximum age of the authentication, ms. */
  readonly max_age?: number | undefined
}

/**
 * Names of which all (or at least one) must be present. When both lists are set, both apply. At least one list is set.
 */
export interface NamedSet {
  readonly all?: readonly string[] | undefined
  readonly any?: readonly string[] | undefined
}

/** Clients of one issuer. The same name at another issuer is another client. */
export interface ClientsEntry {
  readonly any: readonly string[]
  /** Optional when the service has exactly one issuer. */
  readonly issuer?: string | undefined
}

/** Allowed values of a request field; the field must have one of them. */
export interface FieldEntry {
  readonly any: readonly string[]
}

export type RequirementEntry = 'public' | RequirementTree

/** Scope name (RFC 6749 §3.3): visible ASCII without the quotation mark and the backslash. */
const scopeName = text(
  'a scope: visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)
const roleName = text('the name of a role', /^[^\s\x00-\x1f\x7f]{1,128}$/)
/** Client id. RFC 6749 A.1 allows visible ASCII and blanks; some issuers use URLs. */
const clientName = text('a client id, without control characters', /^[^\x00-\x1f\x7f]{1,512}$/)
/** Field value as the gate compares it. Leading and trailing blanks are not part of a value (RFC 9110 §5.5). */
const fieldValue = text('a field value, without blanks at its ends', /^(?! )[^\x00-\x1f\x7f]{1,1024}(?<! )$/)

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

/** `acr` value. It is sent in a challenge and a URL, so blanks, quotes and backslashes are excluded. */
const authenticationContext = text(
  'a class of authentication: visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)

const clients = z.strictObject({
  any: z.array(clientName).min(1).describe('The token was issued to one of these (`client_id`, else `azp`).'),
  issuer: entryName
    .optional()
    .describe('Issuer whose clients these are. May be left out while the service has exactly one.'),
})

const headers = z
  .record(
    fieldName,
    z.strictObject({ any: z.array(fieldValue).min(1).describe('The field comes once, with one of these values.') }),
  )
  .refine((fields) => Object.keys(fields).length > 0, {
    error: 'demands nothing; name a field',
    params: { code: 'GH_POLICY_REQUIREMENT' },
  })

const kinds = 'all, any, not, scopes, roles, claims, clients, headers, addresses, time, session, acr, max_age'

/** Schema of a requirement tree. It is closed: unknown keys are rejected, and the word `public` is not allowed. */
export const requirementTree: z.ZodType<RequirementTree> = z
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
        claims: claimsEntry
          .optional()
          .describe(
            'Claims of the token, compared by value and type: texts, numbers, true or false, or lists of them.',
          ),
        clients: clients.optional().describe('Clients of an issuer that may call.'),
        headers: headers
          .optional()
          .describe('Request fields. They are what the client says: no proof of anything, and no substitute for one.'),
        addresses: addressLists.optional().describe('Client addresses.'),
        time: timeEntry.optional().describe('Hours and days, in the time of a place.'),
        session: entryName
          .optional()
          .describe(
            'A login session at this issuer, which must have `login`. Browsers are sent there; all else gets 401.',
          ),
        acr: z
          .array(authenticationContext)
          .min(1)
          .optional()
          .describe(
            'Classes of authentication, the wanted one first: `acr` of the token or the login must be one of them ' +
              '(RFC 9470). May stand beside max_age.',
          ),
        max_age: duration({ min: '1s', max: '366d' })
          .optional()
          .describe(
            'Longest time since the person has shown who it is, by `auth_time` (RFC 9470). 1s to 366d. May stand beside ' +
              'acr.',
          ),
      })
      .check((context) => {
        const { acr, max_age, ...others } = context.value
        const freshness = acr !== undefined || max_age !== undefined ? 1 : 0
        const set = Object.values(others).filter((part) => part !== undefined).length + freshness
        // A misspelt key was already reported.
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
