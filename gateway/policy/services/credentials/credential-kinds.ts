import { z } from 'zod'
import { assertionKind } from './assertion.ts'
import { basicKind } from './basic.ts'
import { clientCredentialsKind } from './client-credentials.ts'
import type { CredentialContext, CredentialKind } from './credential-kind.ts'
import { headerKind } from './header.ts'
import { emptyCredential, noneKind } from './none.ts'
import type { ServiceCredential } from './service-credential.ts'
import { tokenKind } from './token.ts'
import { tokenExchangeKind } from './token-exchange.ts'

/** All kinds of credentials for services, in the order of the configuration reference. */
const credentialKinds = [
  assertionKind,
  tokenKind,
  noneKind,
  clientCredentialsKind,
  headerKind,
  basicKind,
  tokenExchangeKind,
] as const satisfies readonly CredentialKind[]

/** Credential kinds without further keys, which a policy can write as one word. */
const words = ['assertion', 'token', 'none'] as const satisfies readonly Entry['type'][]

type Schemas<Kinds> = { readonly [I in keyof Kinds]: Kinds[I] extends CredentialKind<infer Schema> ? Schema : never }
type Entry = z.output<Schemas<typeof credentialKinds>[number]>

const schemas = credentialKinds.map(({ schema }) => schema) as unknown as Schemas<typeof credentialKinds>
const types = credentialKinds.map(({ type }) => type).join(', ')

/** Schema of the policy key `credentials`: one word, or a mapping with `type`. */
export const credentialEntry = z.union(
  [
    z.enum(words),
    z
      .discriminatedUnion('type', schemas, {
        error: (issue) => (issue.code === 'invalid_union' ? `must be one of ${types}` : undefined),
      })
      .describe('A credential for a service. `type` selects its kind.')
      .meta({ id: 'credential' }),
  ],
  { error: `must be one of ${words.join(', ')}, or a mapping whose type is one of ${types}` },
)

export type CredentialEntry = z.output<typeof credentialEntry>

const byType: ReadonlyMap<string, CredentialKind> = new Map(
  credentialKinds.map((kind) => [kind.type, kind as CredentialKind]),
)

/** Compiles an entry under `credentials`. After a reported problem the result is a credential that sends nothing. */
export function compileCredential(entry: CredentialEntry, context: CredentialContext): ServiceCredential {
  const whole = typeof entry === 'string' ? { type: entry } : entry
  return byType.get(whole.type)!.compile(whole, context) ?? emptyCredential
}

/** Formats an entry under `credentials` as a policy states it, with every default filled in. */
export function printCredential(entry: CredentialEntry): string | object {
  if (typeof entry === 'string') return entry
  const printed = byType.get(entry.type)!.print?.(entry) ?? entry
  return Object.keys(printed).length === 1 ? entry.type : printed
}
