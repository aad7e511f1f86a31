import type { z } from 'zod'
import type { SecretPlace } from '../../../base/secret.ts'
import type { DocumentPath } from '../../../config/problem.ts'
import type { SecretReference } from '../../../config/secret.ts'
import type { IssuerRules } from '../../../oauth/token-facts.ts'
import type { FolderOf } from '../../issuers/client-auth.ts'
import type { ReportProblem } from '../../report-problem.ts'
import type { ServiceCredential } from './service-credential.ts'

export interface CredentialContext {
  /** Id of the service that receives the credential. */
  readonly service: string
  /** Path of the entry `credentials` in the policy document, for problem reports. */
  readonly path: DocumentPath
  readonly report: ReportProblem
  /** Issuers of the policy, by name. */
  readonly issuers: ReadonlyMap<string, IssuerRules>
  readonly folderOf: FolderOf
  /** Resolves a reference to a secret. A relative file path starts at the folder of the policy file. */
  placeOf(reference: SecretReference): SecretPlace
}

/** One kind of credential for services, such as `assertion`. `credential-kinds.ts` lists all kinds. */
export interface CredentialKind<Schema extends z.ZodType = z.ZodType> {
  /**
   * Value of `type` in an entry under `credentials`. A kind without further keys can also be written as this word
   * alone.
   */
  readonly type: string
  /**
   * Strict object schema of an entry under `credentials`, including `type`. The configuration reference shows its
   * descriptions.
   */
  readonly schema: Schema
  /** Compiles an entry of this kind. @returns `undefined` after a reported problem */
  compile(entry: z.output<Schema>, context: CredentialContext): ServiceCredential | undefined
  /**
   * Formats the entry under `credentials` as a policy states it, with every default filled in. Default: the parsed
   * entry.
   */
  print?(entry: z.output<Schema>): object
}

/** Returns the credential kind unchanged. Exists so that TypeScript infers its types. */
export function credentialKind<Schema extends z.ZodType>(kind: CredentialKind<Schema>): CredentialKind<Schema> {
  return kind
}
