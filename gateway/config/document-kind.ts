import { type Place, type Problem, problem } from './problem.ts'

/** Kinds of documents that operators write. */
export type FileKind = 'settings' | 'policy' | 'policy tests'

/**
 * Keys at the root of each kind of document that no other kind has. The key `limits` is missing because settings and
 * policy both have it. A test compares these lists with the schemas.
 */
export const ownKeys: Readonly<Record<FileKind, readonly string[]>> = {
  settings: [
    ...['node', 'listen', 'listen_h2', 'reuse_port', 'public_url', 'tls', 'proxies', 'client_address'],
    ...['client_certificate', 'proxy_protocol', 'check', 'admin', 'probes', 'policy', 'keys', 'redis', 'request'],
    'upstream_dns',
    ...['tokens', 'sessions', 'overload', 'worker', 'audit', 'revocation', 'dpop', 'streams', 'pages', 'drain_delay'],
    ...['drain_timeout', 'addon_sha256', 'addon_script_sha256', 'log', 'telemetry'],
  ],
  policy: ['version', 'issuers', 'on_outage', 'services'],
  'policy tests': ['tests'],
}

const names: Readonly<Record<FileKind, string>> = {
  settings: 'a settings file',
  policy: 'a policy',
  'policy tests': 'a file of policy tests',
}

/** For each kind of document: a hint that says to which command or setting it belongs. */
const homes: Readonly<Record<FileKind, string>> = {
  settings:
    'check settings with `gatehouse check --config FILE`, and start a node with `gatehouse serve --config FILE`',
  policy: 'check a policy with `gatehouse check FILE`, and name it in policy.path of the settings, or in --policy',
  'policy tests': 'run policy tests with `gatehouse check POLICY --tests FILE`',
}

/**
 * Returns the only kind of document that has this key at its root; `undefined` when no kind or several kinds have it.
 */
export function kindOfKey(key: string): FileKind | undefined {
  return kinds.find((kind) => ownKeys[kind].includes(key))
}

const kinds = Object.keys(ownKeys) as FileKind[]

/**
 * Returns a problem for a document of another kind than expected, instead of one problem for each of its keys. The
 * result is `undefined` when the document has a key of the expected kind, or no key of any other kind.
 */
export function otherKindProblem(document: unknown, expected: FileKind, place: Place): Problem | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
  const found = Object.keys(document).flatMap((key) => kindOfKey(key) ?? [])
  const [kind] = found
  if (kind === undefined || found.includes(expected)) return undefined
  return problem('GH_CONFIG_VALUE', `is ${names[kind]}, not ${names[expected]}`, [], place, homes[kind])
}

/** Returns a hint for a key that belongs in a document of another kind; `undefined` for any other key. */
export function homeOfKey(key: string, known: readonly string[]): string | undefined {
  const kind = kindOfKey(key)
  if (kind === undefined || known.includes(key)) return undefined
  return `${key} is a key of ${names[kind]}: move it there`
}
