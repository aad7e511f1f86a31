import { SinkMaker } from './audit/sink-maker.ts'
import { findPath } from './config/find-path.ts'
import { KeyRings } from './config/key-rings.ts'
import { ConfigError, type DocumentPath, nowhere, type Place, type Problem } from './config/problem.ts'
import type { SinkSettings } from './config/read-sinks.ts'
import { Secrets } from './config/secrets.ts'
import { type LoadedSettings, readSettings } from './config/settings.ts'
import { openCredentials } from './credentials/open-credentials.ts'
import { preparePolicy } from './follow-policy.ts'
import { IssuerKeys } from './issuers/issuer-keys.ts'
import { LoginClients } from './issuers/login-clients.ts'
import { compilePolicy } from './policy/compile.ts'
import { EmailLists } from './policy/email-lists.ts'
import { loadPolicy, type PolicySource } from './policy/policy-source.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { checkPolicyNeeds } from './policy-needs.ts'
import { Traffic } from './telemetry/traffic.ts'
import { openTokens } from './tokens/open-tokens.ts'
import { TargetRegistry } from './upstream/target-registry.ts'

/** Result of the checks of a start. */
export interface StartCheck {
  /** The policy that the settings name; `undefined` if it is invalid, or is only in the cluster. */
  readonly policy: { readonly source: PolicySource; readonly snapshot: Snapshot } | undefined
  readonly problems: readonly Problem[]
}

/**
 * Checks all that the settings name as a start does: the policy and its needs, secrets, keys, certificates and audit
 * sinks. Opens no listener and no connection, and reads no policy from the cluster. Problems in files that the policy
 * names have the place of their entry in the policy.
 */
export async function checkStart(loaded: LoadedSettings): Promise<StartCheck> {
  const secrets = new Secrets({ env: loaded.sources.env, log: () => {} })
  const problems: Problem[] = []
  const { document, layers, sources } = loaded
  const inSettings = placeIn({ document, locate: layers.locate }, () => ({ ...nowhere, file: sources.path }))
  const attempt = async <T>(work: () => T | Promise<T>, place = inSettings): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems.map((each) => (each.file === undefined ? { ...each, ...place(each) } : each)))
      return undefined
    }
  }
  await attempt(() => secrets.followSettings(loaded.secrets))
  await attempt(() => openSinks(loaded.settings.sinks, secrets))
  const policy = await attempt(() => readPolicyOf(loaded))
  if (policy === undefined) return { policy, problems }
  const { snapshot, source } = policy
  const place = placeIn(source, inSettings)
  await attempt(() => checkPolicyNeeds(loaded.settings, snapshot), place)
  await attempt(() => prepareUnused(loaded, snapshot, secrets), place)
  return { policy, problems }
}

/** Reads the settings again from their sources, and checks them as {@link checkStart} does. */
export async function checkNextStart({ sources }: LoadedSettings): Promise<readonly Problem[]> {
  try {
    return (await checkStart(readSettings(sources))).problems
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** The policy of the settings; that of the cluster only if the settings name its first revision. */
function readPolicyOf({ settings }: LoadedSettings): StartCheck['policy'] {
  const path = settings.policy.source === 'file' ? settings.policy.path : settings.policy.seed
  if (path === undefined) return undefined
  const source = loadPolicy(path)
  return { source, snapshot: compilePolicy(source, { publicUrls: settings.publicUrls }) }
}

/**
 * Prepares the components of a node for the policy, and does not use them. This reads every secret, certificate and
 * list that the policy names.
 */
async function prepareUnused({ settings }: LoadedSettings, snapshot: Snapshot, secrets: Secrets): Promise<void> {
  const log = (): void => {}
  const common = { settings, keyRings: new KeyRings(settings.keys), secrets, log }
  const keys = new IssuerKeys(common)
  const clients = new LoginClients({ ...common, keys })
  const tokens = openTokens({ ...common, keys, link: undefined, asked: () => [], isKnown: () => false })
  const credentials = await openCredentials({ ...common, link: undefined })
  const targets = new TargetRegistry()
  try {
    preparePolicy(snapshot, {
      byIssuer: [keys, clients, tokens],
      byRoute: new Traffic(),
      byService: targets,
      byCredential: credentials,
      byEmailList: new EmailLists(log),
    })
  } finally {
    await Promise.all([clients.close(), tokens.close(), credentials.close(), keys.close()])
  }
}

function openSinks(sinks: readonly SinkSettings[], secrets: Secrets): void {
  const maker = new SinkMaker(secrets, () => {})
  for (const sink of sinks) maker.make(sink)
  if (maker.problems.length > 0) throw new ConfigError(maker.problems)
}

interface Located {
  readonly document: unknown
  locate(path: DocumentPath): Place
}

/** Returns a function that finds the place of a problem in a document; outside of it, that of `otherwise`. */
function placeIn({ document, locate }: Located, otherwise: (found: Problem) => Place): (found: Problem) => Place {
  return (found) => {
    const path = findPath(document, found.path)
    return path.length === 0 ? otherwise(found) : locate(path)
  }
}
