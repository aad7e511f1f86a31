import type { Settings } from '../config/settings.ts'
import { AssertionSigner } from './assertion.ts'

export interface CredentialsDependencies {
  /** The first assertion key signs. `iss` of the assertions is the first public URL. */
  readonly settings: Pick<Settings, 'publicUrls'> & { readonly keys: Pick<Settings['keys'], 'assertion'> }
}

/** The gate's own credentials towards services. */
export interface CredentialsRoom {
  /** `undefined`: no assertion key is configured. */
  readonly signer: AssertionSigner | undefined
  /** Does nothing: keys are in memory only. */
  close(): void
}

/** @throws {Error} as a rejection, when a key is unusable or two keys have one id */
export async function openCredentials({ settings }: CredentialsDependencies): Promise<CredentialsRoom> {
  const { assertion } = settings.keys
  const [issuer] = settings.publicUrls
  const signer = assertion.length === 0 ? undefined : await AssertionSigner.create(assertion, { issuer: issuer! })
  return { signer, close: () => {} }
}
