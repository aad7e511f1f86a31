import { parse, TomlError } from 'smol-toml'
import { ConfigError, type Place, problem } from '../../../config/problem.ts'
import { readYaml } from '../../../config/yaml-document.ts'
import type { ImportNotes } from '../import-note.ts'
import { mappingOf } from '../plain-value.ts'
import { alphaKeys, alphaOptions } from './alpha-options.ts'
import type { ProxyOption } from './proxy-option.ts'

/** A file with options of oauth2-proxy. */
export interface ProxyFile {
  readonly file: string
  readonly bytes: Uint8Array
}

const variableLine = /^\s*(?:export\s+|-\s+)?["']?(OAUTH2_PROXY_[A-Z0-9_]+)["']?\s*[=:]\s*(.*)$/
const flagStart = /(?:^|[\s"'[,=])--[a-z]/
const flagWord =
  /(?:^|[\s"'[,])--?([a-z][a-z0-9-]+)(?:=("[^"]*"|'[^']*'|[^\s"'\]]*)|\s+(?!-)("[^"]*"|'[^']*'|[^\s"'\]\\]+))?/g

/**
 * Reads the options in a file. The file can be a config file (TOML), an alpha config (YAML), a list of environment
 * variables, or a text that contains flags, such as a script or a systemd unit.
 *
 * @param notes  receives notes about the parts of an alpha config that no option expresses
 * @throws {ConfigError} when the file has none of these forms
 */
export function readProxyOptions(
  { file, bytes }: ProxyFile,
  notes: (locate: LocatePart) => ImportNotes,
): ProxyOption[] {
  const yaml = readYaml(bytes, file)
  const alpha = yaml.problems.length === 0 ? mappingOf(yaml.value) : undefined
  if (alpha !== undefined && alphaKeys.some((key) => alpha[key] !== undefined)) {
    return alphaOptions(alpha, yaml.locate, notes(yaml.locate))
  }
  const lines = Buffer.from(bytes).toString().split('\n')
  const stated = lines.map((line) => (/^\s*#/.test(line) ? '' : line))
  const inWords = stated.some((line) => variableLine.test(line) || flagStart.test(line))
  const options = inWords ? optionsInWords(stated, file) : optionsInToml(lines, file)
  if (options.length > 0) return options
  const message =
    'contains no options of oauth2-proxy; expected a config file, an alpha config, environment variables or flags'
  throw new ConfigError([problem('GH_CONFIG_VALUE', message, [], { file, line: 1, column: 1 })])
}

type LocatePart = (path: readonly (string | number)[]) => Place

function optionsInToml(lines: readonly string[], file: string): ProxyOption[] {
  let table: Readonly<Record<string, unknown>>
  try {
    table = parse(lines.join('\n'))
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = 'document is neither TOML nor an alpha config, and states no flags or variables of oauth2-proxy'
    throw new ConfigError([problem('GH_CONFIG_SYNTAX', message, [], { file, line: error.line, column: error.column })])
  }
  return Object.entries(table).map(([key, value]) => {
    const at = lines.findIndex((line) => line.trimStart().replace(/^"/, '').startsWith(key))
    return {
      key,
      values: typeof value === 'string' ? valuesIn(key, value) : [value].flat().map(String),
      place: { file, line: at + 1, column: 1 },
    }
  })
}

/**
 * Finds environment variables and flags of oauth2-proxy in lines of text. A repeated flag adds a value to its option.
 */
function optionsInWords(lines: readonly string[], file: string): ProxyOption[] {
  const found = new Map<string, ProxyOption>()
  const add = (key: string, text: string, line: number, variable?: string) => {
    const before = found.get(key)
    const values = [...(before?.variable === variable ? (before?.values ?? []) : []), ...valuesIn(key, text)]
    found.set(key, { key, values, place: { file, line, column: 1 }, ...(variable && { variable }) })
  }
  lines.forEach((line, i) => {
    const [, variable, text = ''] = variableLine.exec(line) ?? []
    if (variable !== undefined) {
      add(variable.slice('OAUTH2_PROXY_'.length).toLowerCase(), unquoted(text.trim()), i + 1, variable)
      return
    }
    for (const [, name, joined, next] of line.matchAll(flagWord)) {
      add(keyOfFlag(name!), unquoted(joined ?? next ?? 'true'), i + 1)
    }
  })
  return [...found.values()]
}

/**
 * Flags of oauth2-proxy that may be repeated. The value is the name of the option in config files, usually the plural.
 */
const repeated: Readonly<Record<string, string>> = {
  oidc_audience_claim: 'oidc_audience_claims',
  skip_auth_regex: 'skip_auth_regex',
  github_user: 'github_users',
  allowed_role: 'allowed_roles',
}
const plurals =
  /^(?:allowed_group|api_route|cookie_domain|email_domain|exclude_logging_path|extra_jwt_issuer|gitlab_project|google_group|htpasswd_user_group|oidc_enabled_signing_alg|oidc_extra_audience|oidc_public_key_file|provider_ca_file|skip_auth_route|tls_cipher_suite|trusted_ip|trusted_proxy_ip|upstream|whitelist_domain)$/

function keyOfFlag(name: string): string {
  const key = name.replaceAll('-', '_')
  return repeated[key] ?? (plurals.test(key) ? `${key}s` : key)
}

const isList = new Set(Object.values(repeated))

function valuesIn(key: string, text: string): string[] {
  return isList.has(key) || plurals.test(key.replace(/s$/, '')) ? text.split(',').map((each) => each.trim()) : [text]
}

function unquoted(text: string): string {
  return text.replace(/,$/, '').replace(/^(["'])(.*)\1$/, '$2')
}
