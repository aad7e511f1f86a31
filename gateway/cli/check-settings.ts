import { checkStart } from '../check-start.ts'
import { ConfigError, nowhere, type Problem, problem } from '../config/problem.ts'
import { readSettings } from '../config/settings.ts'
import { policyWarnings } from '../policy/policy-warnings.ts'
import type { Checked } from './checked.ts'

/** Counts of what a settings file refers to: secrets, keys, audit sinks, and the path of the policy. */
interface NamedBySettings {
  /**
   * Path of the policy that was checked with the settings; `null` if the settings name no policy file, or if the policy
   * is invalid.
   */
  readonly policy: string | null
  readonly secrets: number
  readonly keys: number
  readonly sinks: number
}

/** Result of the check of a settings file. */
export type SettingsChecked = Checked & NamedBySettings

/** Checks a settings file and everything that it refers to, as a node or worker does at its start. */
export async function checkSettings(path: string, strict: boolean): Promise<SettingsChecked> {
  const nothing = { path, services: 0, routes: 0, revision: null, policy: null, secrets: 0, keys: 0, sinks: 0 }
  try {
    const loaded = readSettings({ path, env: process.env, flags: {} })
    const { policy, problems } = await checkStart(loaded)
    const { settings, secrets, keySources } = loaded
    const risks = settings.warnings.map((text) => problem('GH_CONFIG_RISK', text, [], { ...nowhere, file: path }))
    const warnings = [...risks, ...(policy?.source === undefined ? [] : policyWarnings(policy.source, policy.snapshot))]
    const counts = { secrets: secrets.length, keys: keySources.length, sinks: settings.sinks.length }
    const all = strict ? [...problems, ...warnings] : problems
    const result = { ...nothing, ...counts, valid: all.length === 0, problems: all, warnings: strict ? [] : warnings }
    if (policy === undefined) return result
    const { services, routes, revision } = policy.snapshot
    const [file = null] = policy.source?.files ?? []
    return { ...result, services: services.length, routes: routes.length, revision, policy: file }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { ...nothing, valid: false, problems: error.problems as Problem[], warnings: [] }
  }
}
