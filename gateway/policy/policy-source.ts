import { createHash } from 'node:crypto'
import { otherKindProblem } from '../config/document-kind.ts'
import { readBytes } from '../config/file-bytes.ts'
import { policyFiles } from '../config/policy-files.ts'
import { ConfigError, type DocumentPath, nowhere, type Place, type Problem, problem } from '../config/problem.ts'
import { schemaProblems } from '../config/schema-problems.ts'
import { readYaml } from '../config/yaml-document.ts'
import { type PolicyDocument, policySchema } from './policy-schema.ts'

/**
 * A policy as written, validated against its schema. The compiler validates everything that the schema cannot express.
 */
export interface PolicySource {
  readonly document: PolicyDocument
  /**
   * Revision of the policy: first 12 hex digits of the SHA-256 of the policy files' bytes, in the order of the file
   * names; for a policy of the cluster, first 12 digits of the hash of its revision.
   */
  readonly revision: string
  readonly files: readonly string[]
  /** Returns the file and position of the entry at `path`, or of its nearest parent when the entry is absent. */
  locate(path: DocumentPath): Place
}

/** One file of a policy, as read. */
export interface PolicyBytes {
  readonly file: string
  readonly bytes: Uint8Array
}

interface PolicyFile {
  readonly file: string
  readonly document: PolicyDocument
  locate(path: DocumentPath): Place
}

const kinds = ['issuers', 'services'] as const

/**
 * Reads a policy: a file, or the `*.yaml` files of a folder. Each file of a folder owns its services and issuers.
 *
 * @throws {ConfigError} with all errors in all files, also when a file cannot be read
 */
export function loadPolicy(path: string): PolicySource {
  return readPolicy(policyTexts(path))
}

/** Reads the files of a policy without parsing them. @throws {ConfigError} when a file cannot be read */
export function policyTexts(path: string): readonly PolicyBytes[] {
  return policyFiles(path).map((file) => ({ file, bytes: readBytes(file) }))
}

/** Returns the revision of the policy in these files, as described at {@link PolicySource.revision}. */
export function policyRevision(texts: readonly PolicyBytes[]): string {
  const hash = createHash('sha256')
  for (const { bytes } of texts) hash.update(bytes)
  return hash.digest('hex').slice(0, 12)
}

/**
 * Parses a policy from texts that are already loaded.
 *
 * @throws {ConfigError} with all errors in all texts
 */
export function readPolicy(texts: readonly PolicyBytes[]): PolicySource {
  const problems: Problem[] = []
  const parts: PolicyFile[] = []
  for (const { file, bytes } of texts) {
    const part = readPart(file, bytes)
    if (Array.isArray(part)) problems.push(...part)
    else parts.push(part as PolicyFile)
  }
  problems.push(...ownerProblems(parts))
  const files = texts.map(({ file }) => file)
  if (problems.length === 0 && parts.every(({ document }) => Object.keys(document.services).length === 0)) {
    problems.push(
      problem('GH_CONFIG_MISSING', 'the policy defines no service', ['services'], { ...nowhere, file: files[0] }),
    )
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    document: {
      version: 1,
      issuers: Object.assign({}, ...parts.map(({ document }) => document.issuers)),
      limits: parts.flatMap(({ document }) => document.limits),
      on_outage: Object.assign({}, ...parts.map(({ document }) => document.on_outage)),
      services: Object.assign({}, ...parts.map(({ document }) => document.services)),
    },
    revision: policyRevision(texts),
    files,
    locate: (path) => (parts.find((part) => owns(part, path)) ?? parts[0]!).locate(path),
  }
}

function readPart(file: string, bytes: Uint8Array): PolicyFile | Problem[] {
  const yaml = readYaml(bytes, file)
  if (yaml.problems.length > 0) return [...yaml.problems]
  const { locate } = yaml
  const other = otherKindProblem(yaml.value, 'policy', locate([]))
  if (other !== undefined) return [other]
  const { data, error } = policySchema.safeParse(yaml.value)
  if (data === undefined) return schemaProblems(policySchema, yaml.value, error.issues, locate)
  return { file, document: data, locate }
}

function owns({ document }: PolicyFile, [kind, name]: DocumentPath): boolean {
  if (kind === 'limits' || kind === 'on_outage') return hasRoot(document, kind)
  return kinds.some((each) => each === kind && typeof name === 'string' && Object.hasOwn(document[each], name))
}

/** Whether a file defines entries at the root of the policy that belong to no service. */
function hasRoot(document: PolicyDocument, key: 'limits' | 'on_outage'): boolean {
  return Object.keys(document[key]).length > 0
}

/**
 * Reports services, issuers, policy limits and `on_outage` of the policy that appear in more than one file. Each entry must be in exactly one
 * file, so that the write permission of the file decides who can change the entry.
 */
function ownerProblems(parts: readonly PolicyFile[]): Problem[] {
  const problems: Problem[] = []
  for (const key of ['limits', 'on_outage'] as const) {
    const [first, second] = parts.filter(({ document }) => hasRoot(document, key))
    if (second === undefined) continue
    const message = `${key} of the policy: defined in ${first!.file} and in ${second.file}; only one file of a policy may define it`
    problems.push(problem('GH_POLICY_OWNER', message, [key], second.locate([key])))
  }
  for (const kind of kinds) {
    const owners = new Map<string, string>()
    for (const { file, document, locate } of parts) {
      for (const name of Object.keys(document[kind])) {
        const first = owners.get(name)
        owners.set(name, first ?? file)
        if (first === undefined) continue
        const message = `is defined in ${first} and in ${file}; only one file of a policy may define it`
        problems.push(problem('GH_POLICY_OWNER', message, [kind, name], locate([kind, name])))
      }
    }
  }
  return problems
}
