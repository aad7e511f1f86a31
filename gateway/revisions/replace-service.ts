import { ConfigError, nowhere, problem } from '../config/problem.ts'
import { readYaml } from '../config/yaml-document.ts'
import type { PolicyText } from './revision.ts'

/**
 * Returns the files of a policy, in which the file of one service is replaced by the file from `given` that defines
 * this service. Other files in `given` are ignored. If the policy lacks the service, the file is added.
 *
 * @throws {ConfigError} when the policy or `given` has no file that defines only this service
 */
export function replaceService(
  files: readonly PolicyText[],
  given: readonly PolicyText[],
  service: string,
): readonly PolicyText[] {
  const own = fileOf(given, service)
  if (own === undefined) {
    throw refusal('GH_CONFIG_MISSING', `none of the files defines service ${service}`, service, given[0]?.name)
  }
  const before = fileOf(files, service)
  const others = files.filter((file) => file !== before)
  if (others.some(({ name }) => name === own.name)) {
    const message = `another file of the active revision has the name ${own.name}`
    throw refusal('GH_POLICY_OWNER', message, service, own.name, 'rename the file of the service')
  }
  return [...others, own].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Returns the file that defines the service and nothing else; `undefined` when no file defines it. */
function fileOf(files: readonly PolicyText[], service: string): PolicyText | undefined {
  const file = files.find((each) => Object.hasOwn(entriesOf(each, 'services'), service))
  if (file === undefined) return undefined
  const others = Object.keys(entriesOf(file, 'services')).filter((name) => name !== service)
  const more = ['issuers', 'limits', 'on_outage'].filter((key) => Object.keys(entriesOf(file, key)).length > 0)
  const shared = [...others.map((name) => `service ${name}`), ...more]
  if (shared.length === 0) return file
  const message = `file ${file.name} defines service ${service} and also ${shared.join(', ')}`
  const hint = 'define the service in a separate file, in the active revision too, or apply the whole policy'
  throw refusal('GH_POLICY_OWNER', message, service, file.name, hint)
}

function entriesOf({ name, text }: PolicyText, key: string): object {
  const { value } = readYaml(Buffer.from(text), name)
  const root = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const entries = Object.hasOwn(root, key) ? root[key] : undefined
  return typeof entries === 'object' && entries !== null ? entries : {}
}

function refusal(
  code: 'GH_CONFIG_MISSING' | 'GH_POLICY_OWNER',
  message: string,
  service: string,
  file: string | undefined,
  hint?: string,
): ConfigError {
  return new ConfigError([problem(code, message, ['services', service], { ...nowhere, file }, hint)])
}
