import { z } from 'zod'
import { isIdentityField } from '../../base/statement-fields.ts'
import type { DocumentPath } from '../../config/problem.ts'
import { text } from '../../config/text-schemas.ts'
import { claimPath, printClaimPath } from '../claim-path.ts'
import type { IdentityField } from '../identity-field.ts'
import type { ReportProblem } from '../report-problem.ts'
import { isCredentialField } from './credentials/header.ts'

const parts = ['user', 'email', 'preferred_username', 'groups'] as const
type Part = (typeof parts)[number]

const fieldName = text('the name of a request field, of letters, digits and -', /^[0-9A-Za-z-]{1,128}$/).refine(
  (given) => {
    const name = given.toLowerCase()
    return name !== 'authorization' && (isIdentityField(name) || isCredentialField(name))
  },
  { error: 'must be a field such as X-Forwarded-User, by which neither gate nor protocol speak' },
)

const claimNames = z
  .strictObject({
    user: claimPath.optional().describe('Claim that identifies the user. Default: the subject (`sub`).'),
    email: claimPath.optional().describe('Claim of the e-mail address. Default: email.'),
    preferred_username: claimPath.optional().describe('Claim of the login name. Default: preferred_username.'),
    groups: claimPath.optional().describe('Claim with a list of groups, or with one group. Default: groups.'),
  })
  .optional()

const mapping = z
  .strictObject({
    user: fieldName.optional().describe('Name of the field that contains the user.'),
    email: fieldName.optional().describe('Name of the field that contains the e-mail address.'),
    preferred_username: fieldName.optional().describe('Name of the field that contains the login name.'),
    groups: fieldName
      .optional()
      .describe(
        'Name of the field that contains the groups, joined with commas. A group with a comma in its name is left out.',
      ),
    claims: claimNames.describe('Claims from which the fields are made.'),
  })
  .refine((entry) => namesOf(entry).length > 0, {
    error: 'must name a field for user, email, preferred_username or groups',
  })
  .refine((entry) => new Set(namesOf(entry)).size === namesOf(entry).length, { error: 'must not name a field twice' })

type Mapping = z.output<typeof mapping>

function namesOf(entry: Readonly<Partial<Record<Part, string | undefined>>>): string[] {
  return parts.flatMap((part) => entry[part]?.toLowerCase() ?? [])
}

/** Schema of `auth_request_headers` of a service: request fields in which the service receives claims of the user. */
export const authRequestHeaders = z.union([z.boolean(), mapping]).prefault(false)

type Entry = z.output<typeof authRequestHeaders>

const named: Mapping = {
  user: 'X-Auth-Request-User',
  email: 'X-Auth-Request-Email',
  preferred_username: 'X-Auth-Request-Preferred-Username',
  groups: 'X-Auth-Request-Groups',
}

/**
 * Compiles `auth_request_headers` of a service.
 *
 * @param set  fields that credentials of the service set
 * @param passed  fields that the service receives as the client sent them
 */
export function compileIdentityFields(
  entry: Entry,
  set: ReadonlySet<string> | undefined,
  passed: readonly string[],
  path: DocumentPath,
  report: ReportProblem,
): readonly IdentityField[] {
  if (entry === false) return []
  const mapped = entry === true ? named : entry
  return parts.flatMap((part): IdentityField[] => {
    const name = mapped[part]?.toLowerCase()
    if (name === undefined) return []
    if (set?.has(name) === true) {
      report('GH_POLICY_CREDENTIAL', `${name} has a credential of the service`, [...path, part], 'name another field')
    }
    if (passed.includes(name)) {
      const message = `${name} is also in pass_headers, so clients could state an identity`
      report('GH_POLICY_CREDENTIAL', message, [...path, part], 'remove the field from pass_headers')
    }
    const claim = mapped.claims?.[part] ?? (part === 'user' ? undefined : [part])
    return [{ name, path: claim, list: part === 'groups' }]
  })
}

/** Returns `auth_request_headers` as a policy states it. */
export function printAuthRequestHeaders(entry: Entry): unknown {
  if (typeof entry === 'boolean' || entry.claims === undefined) return entry
  const claims = Object.entries(entry.claims).flatMap(([part, path]) =>
    path === undefined ? [] : [[part, printClaimPath(path)]],
  )
  return { ...entry, claims: Object.fromEntries(claims) }
}
