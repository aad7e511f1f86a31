/**
 * Codes of configuration errors, each with an explanation. The reference of errors in the docs is generated from this
 * list.
 */
export const problemCodes = {
  GH_CONFIG_UNREADABLE: 'The file or folder does not exist, cannot be read, or contains no policy.',
  GH_CONFIG_TOO_LARGE: 'The document exceeds a limit: its size, its nesting, or the entries that aliases add.',
  GH_CONFIG_SYNTAX: 'The text is not one YAML document, or it uses a feature of YAML that makes documents ambiguous.',
  GH_CONFIG_DUPLICATE_KEY: 'A key occurs twice in one mapping. One of the values would be lost silently.',
  GH_CONFIG_UNKNOWN_KEY: 'No setting has this name. Unknown keys are errors, because a misspelt rule protects nothing.',
  GH_CONFIG_NOT_YET: 'The key is reserved for a later version. Gatehouse rejects keys that it does not enforce yet.',
  GH_CONFIG_MISSING: 'A required key is absent.',
  GH_CONFIG_VALUE: 'The value has the wrong type, form or size.',
  GH_CONFIG_UNKNOWN_VARIABLE: 'An environment variable starts with GATEHOUSE_ but belongs to no setting.',
  GH_CONFIG_SECRET_INLINE: 'The document contains a secret. Refer to the secret by { env: NAME } or { file: PATH }.',
  GH_CONFIG_SECRET: 'A secret that the document refers to is absent, unreadable or invalid.',
  GH_CONFIG_KEY_MISSING:
    'Signing or encryption requires a key that is not configured, or a reload drops a key that is in use.',
  GH_POLICY_OWNER: 'Two files of one policy define the same service or issuer; each must have one owner.',
  GH_POLICY_ISSUER: 'An issuer is unknown, is named twice, or is missing where the choice is ambiguous.',
  GH_POLICY_INTROSPECTION: 'The introspection settings of an issuer are missing, contradictory or never used.',
  GH_POLICY_LOGIN:
    'The login settings of an issuer are contradictory, or a route requires a login that no issuer offers.',
  GH_POLICY_ACCEPT:
    'A route accepts client ids and secrets, but the policy does not say at which issuer and for which scopes; or it states them although no route accepts client ids and secrets.',
  GH_POLICY_CREDENTIAL:
    'A credential for a service cannot be requested as written: a member of the entry is missing or contradicts another member.',
  GH_POLICY_ROLE: 'A requirement names a role that the service does not map, so no user can have the role.',
  GH_POLICY_REQUIREMENT: 'A requirement has no condition that can be checked. It would read as public.',
  GH_POLICY_CREDENTIALS: 'A route admits callers who do not have the credential that its service is to receive.',
  GH_POLICY_CONTRADICTION: 'A requirement can never be met. Its route would reject every request.',
  GH_POLICY_PATTERN: 'A path or host pattern is not in normal form, or matches a path that the gate itself answers.',
  GH_POLICY_REWRITE:
    'A path cannot be rewritten as written: a prefix is not in normal form, or not every matched path starts with it.',
  GH_POLICY_LIMIT:
    'A limit cannot be enforced as written: the route lacks the value that is counted, or the name of the limit is taken.',
  GH_POLICY_WEBSOCKET:
    'A route cannot have WebSockets as written: the method, the credential or the limit does not fit.',
  GH_POLICY_UPSTREAM_TLS: 'A service has TLS settings for an upstream that is called without TLS.',
  GH_POLICY_UPSTREAM_PROTOCOL: 'The protocol of a service does not fit its upstreams or routes.',
  GH_POLICY_HEALTH: 'The health checks of a service are not possible as written.',
  GH_POLICY_ROUTE_ID: 'Two routes have the same id.',
  GH_POLICY_CONFLICT: 'Two routes match the same requests, and neither has priority.',
  GH_POLICY_TEST:
    'A test of `gatehouse check --tests` failed: the policy makes another decision than the test expects.',
  GH_POLICY_WEAKER_ROUTE:
    'A weaker route under other hosts also reaches a path of this route. A warning of `check`, an error with --strict.',
  GH_POLICY_LITERAL_SEGMENT:
    'A path has a segment such as `:id`, which matches only this text. A warning of `check`, an error with --strict.',
  GH_CONFIG_RISK:
    'A setting takes effect, but something that it names is unsafe or incomplete. A warning of `check` and of the log, an error with --strict.',
} as const satisfies Record<string, string>

export type ProblemCode = keyof typeof problemCodes

/** Problem codes that only `gatehouse check` reports. Settings and policy with these problems still take effect. */
export const warningCodes: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'GH_POLICY_WEAKER_ROUTE',
  'GH_POLICY_LITERAL_SEGMENT',
  'GH_CONFIG_RISK',
])

/**
 * One error in the settings or the policy. The error contains no secrets: it quotes names, such as keys and roles, but
 * no value that can be a secret.
 */
export interface Problem {
  readonly code: ProblemCode
  readonly message: string
  /**
   * Path of the invalid entry: keys joined by dots, list positions in brackets: `services.orders.routes[0].match`.
   * Empty for an error of the whole document.
   */
  readonly path: string
  /**
   * File that contains the error. For an error in another source: the name of the environment variable, or `command
   * line`.
   */
  readonly file: string | undefined
  /** Line of the error in its file, starting at 1. */
  readonly line: number | undefined
  /** Column of the error in its line, starting at 1, counted in UTF-16 code units. */
  readonly column: number | undefined
  readonly hint: string | undefined
}

/** Position of a configuration error in a file. */
export type Place = Pick<Problem, 'file' | 'line' | 'column'>

export type DocumentPath = readonly (string | number)[]

export const nowhere: Place = { file: undefined, line: undefined, column: undefined }

export function problem(code: ProblemCode, message: string, path: DocumentPath, place: Place, hint?: string): Problem {
  return { code, message, path: formatPath(path), file: place.file, line: place.line, column: place.column, hint }
}

export function formatPath(path: DocumentPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}

/**
 * Maximum number of configuration problems that are reported together. Limits the work and output that a malicious
 * document can cause.
 */
export const maxProblems = 100

/**
 * The settings or the policy are invalid, and the rejected configuration has no effect. Contains the first 100
 * problems, sorted by file, line and column.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const first = problems.toSorted(byPlace).slice(0, maxProblems)
    super(first.map(formatProblem).join('\n'))
    this.problems = first
  }
}

/**
 * Calls all functions in `works`, and reports the configuration problems of all calls together.
 *
 * @throws {ConfigError} when at least one call throws a ConfigError; any other error ends the calls at once
 */
export function attemptAll<T>(works: Iterable<() => T>): T[] {
  const problems: Problem[] = []
  const results: T[] = []
  for (const work of works) {
    try {
      results.push(work())
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return results
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return (a.file ?? '') < (b.file ?? '') ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}

/** Formats a configuration problem in one line: `policy.yaml:12:7: message (GH_CONFIG_VALUE)`. */
export function formatProblem({ code, message, path, file, line, column, hint }: Problem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const subject = path === '' ? '' : `${path}: `
  return `${place === '' ? '' : `${place}: `}${subject}${message} (${code})${hint === undefined ? '' : `; ${hint}`}`
}
