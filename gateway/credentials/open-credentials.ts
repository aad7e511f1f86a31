import type { Commit } from '../base/commit.ts'
import type { NeededSecret } from '../config/needed-secret.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Settings } from '../config/settings.ts'
import { AssertionSigner } from './assertion.ts'
import { ServiceSecrets } from './service-secrets.ts'

export interface CredentialsDependencies {
  /** Settings for identity assertions. The first assertion key signs them, and the first public URL is their `iss`. */
  readonly settings: Pick<Settings, 'publicUrls'> & { readonly keys: Pick<Settings['keys'], 'assertion'> }
  readonly secrets: Pick<Secrets, 'open'>
}

/** The parts of a compiled credential that this room prepares. */
interface PreparedCredential {
  readonly secret?: NeededSecret
}

/** The credentials that services receive: the gate's identity assertions, and secrets of the gate at services. */
export interface CredentialsRoom {
  /** Issues identity assertions; `undefined` when no assertion key is configured. */
  readonly signer: AssertionSigner | undefined
  readonly serviceSecrets: ServiceSecrets
  /**
   * Prepares the room for the credentials of a policy.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(credentials: readonly PreparedCredential[]): Commit
  close(): void
}

/** @throws {Error} as a rejected promise, when a key is unusable or two keys have the same id */
export async function openCredentials({ settings, secrets }: CredentialsDependencies): Promise<CredentialsRoom> {
  const { assertion } = settings.keys
  const [issuer] = settings.publicUrls
  const signer = assertion.length === 0 ? undefined : await AssertionSigner.create(assertion, { issuer: issuer! })
  const serviceSecrets = new ServiceSecrets(secrets)
  return {
    signer,
    serviceSecrets,
    prepare: (credentials) => serviceSecrets.prepare(credentials.flatMap(({ secret }) => secret ?? [])),
    close: () => serviceSecrets.close(),
  }
}
