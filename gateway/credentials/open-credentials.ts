import type { Settings } from '../config/settings.ts'
import { AssertionSigner } from './assertion.ts'

export interface CredentialsDependencies {
  /** Settings for identity assertions. The first assertion key signs them, and the first public URL is their `iss`. */
  readonly settings: Pick<Settings, 'publicUrls'> & { readonly keys: Pick<Settings['keys'], 'assertion'> }
}

/** The credentials with which the gate identifies users to services: its identity assertions. */
export interface CredentialsRoom {
  /** Issues identity assertions; `undefined` when no assertion key is configured. */
  readonly signer: AssertionSigner | undefined
  /** Does nothing, because the signing keys are only in memory. */
  close(): void
}

/** @throws {Error} as a rejected promise, when a key is unusable or two keys have the same id */
export async function openCredentials({ settings }: CredentialsDependencies): Promise<CredentialsRoom> {
  const { assertion } = settings.keys
  const [issuer] = settings.publicUrls
  const signer = assertion.length === 0 ? undefined : await AssertionSigner.create(assertion, { issuer: issuer! })
  return { signer, close: () => {} }
}
