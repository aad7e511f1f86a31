import { SinkMaker } from './audit/sink-maker.ts'
import { findPath } from './config/find-path.ts'
import { KeyRings } from './config/key-rings.ts'
import { ConfigError, type DocumentPath, nowhere, type Place, type Problem, problem } from './config/problem.ts'
import type { SinkSettings } from './config/read-sinks.ts'
import { Secrets } from './config/secrets.ts'
import { type LoadedSettings, readSettings } from './config/settings.ts'
import { checkWritablePaths } from './config/writable-paths.ts'
import { openCredentials } from './credentials/open-credentials.ts'
import { preparePolicy } from './follow-policy.ts'
import { checkAddon } from './http/addon.ts'
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

/** A policy, and its document if it was read for this check. */
interface ReadPolicy {
  readonly source: PolicySource | undefined
  readonly snapshot: Snapshot
}

/** Result of the checks of a start. */
export interface StartCheck {
  /** The policy that the settings name; `undefined` if it is invalid, or is only in the cluster. */
  readonly policy: ReadPolicy | undefined
  readonly problems: readonly Problem[]
}

/**
 * Checks all that the settings name as a start does: the policy and its needs, secrets, keys, certificates, audit
 * sinks, folders to write to, and the package of the listener. Opens no listener and no connection, and reads no policy
 * from the cluster. Problems in files that the policy names have the place of their entry in the policy.
 *
 * @param read  reads the policy of the settings. Default: reads and compiles its files
 */
export async function checkStart(loaded: LoadedSettings, read = readAndCompile): Promise<StartCheck> {
  const secrets = new Secrets({ env: loaded.sources.env, log: () => {} })
  const problems: Problem[] = []
  const { document, layers, sources } = loaded
  const ofSettings = { document, locate: layers.locate }
  const inSettings = placeIn(ofSettings, () => ({ ...nowhere, file: sources.path }))
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
  await attempt(() => requireNone(checkWritablePaths(loaded.settings)))
  await attempt(() => requireNone(checkListenerAddon(loaded.settings)))
  const policy = await attempt(() => readPolicyOf(loaded, read))
  if (policy === undefined) return { policy, problems }
  const { snapshot, source } = policy
  const inPolicyFiles = () => ({ ...nowhere, file: policyPathOf(loaded) })
  const place = source === undefined ? placeIn(ofSettings, inPolicyFiles) : placeIn(source, inSettings)
  await attempt(() => checkPolicyNeeds(loaded.settings, snapshot), place)
  await attempt(() => prepareUnused(loaded, snapshot, secrets), place)
  return { policy, problems }
}

/**
 * Reads the settings again from their sources, and checks them as {@link checkStart} does.
 *
 * @param compiled  returns the compiled policy of a path, for a node that keeps it. Problems in files that this policy
 *   names then have the path of the policy, and no line
 */
export async function checkNextStart(
  { sources }: LoadedSettings,
  compiled?: (path: string, publicUrls: readonly string[]) => Snapshot,
): Promise<readonly Problem[]> {
  const read: PolicyReader | undefined = compiled && ((...of) => ({ source: undefined, snapshot: compiled(...of) }))
  try {
    return (await checkStart(readSettings(sources), read)).problems
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

type PolicyReader = (path: string, publicUrls: readonly string[]) => ReadPolicy

const readAndCompile: PolicyReader = (path, publicUrls) => {
  const source = loadPolicy(path)
  return { source, snapshot: compilePolicy(source, { publicUrls }) }
}

function readPolicyOf(loaded: LoadedSettings, read: PolicyReader): ReadPolicy | undefined {
  const path = policyPathOf(loaded)
  return path === undefined ? undefined : read(path, loaded.settings.publicUrls)
}

/**
 * Path of the policy file or folder. For a policy of the cluster: path of its first revision, if the settings name it.
 */
function policyPathOf({ settings: { policy } }: LoadedSettings): string | undefined {
  return policy.source === 'file' ? policy.path : policy.seed
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
  requireNone(maker.problems)
}

function requireNone(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ConfigError(problems)
}

/**
 * Returns a problem with the listener when the uWebSockets.js package is missing for this platform, or is not a known
 * build.
 */
function checkListenerAddon({ addonSha256, addonScriptSha256 }: LoadedSettings['settings']): Problem[] {
  try {
    checkAddon({ addon: addonSha256, script: addonScriptSha256 })
    return []
  } catch (error) {
    return [problem('GH_CONFIG_VALUE', (error as Error).message, ['addon_sha256'], nowhere)]
  }
}

interface Located {
  readonly document: unknown
  locate(path: DocumentPath): Place
}

/**
 * Returns a function that finds the place of a problem in a document. For a problem outside of the document, the
 * function calls `otherwise`.
 */
function placeIn({ document, locate }: Located, otherwise: (found: Problem) => Place): (found: Problem) => Place {
  return (found) => {
    const path = findPath(document, found.path)
    return path.length === 0 ? otherwise(found) : locate(path)
  }
}
