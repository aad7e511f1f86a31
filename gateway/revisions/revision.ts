import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { formatSize } from '../base/size.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import { type PolicySource, readPolicy } from '../policy/policy-source.ts'

/** Maximum size of the policy of a revision: sum of its files, bytes. */
export const POLICY_MAX_BYTES = 1024 * 1024

/** A file of a policy. */
export interface PolicyText {
  /** File name without folder, such as `orders.yaml`. */
  readonly name: string
  readonly text: string
}

const facts = {
  /** Number of the revision, from 1. A number is never used again. */
  number: z.int().min(1),
  /** SHA-256 of the files with their names, in hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  author: z.string(),
  message: z.string(),
  /** Time at which the revision was created (RFC 3339). */
  time: z.string(),
}

const revisionBody = z.strictObject({
  ...facts,
  /**
   * Number of the revision that this revision replaces as the active one. Set only if it is not the number before: the
   * revisions between the two were withdrawn.
   */
  replaces: facts.number.optional(),
  files: z.string(),
})

const canaryBody = z.strictObject({
  /** Number and hash of the revision that some members try. */
  number: facts.number,
  hash: facts.hash,
  /**
   * Keys of the members that try the revision. A restarted node has a new key, and therefore enforces the active
   * revision.
   */
  members: z.array(z.string()).min(1),
  /** Start of the rollout, by the clock of Redis (RFC 3339). */
  started: z.string(),
  for_ms: z.int().min(1),
  /** Maximum accepted increase of the shares of faults and of refusals, percent of the requests of a route. */
  max_faults_percent: z.number(),
  max_new_denials_percent: z.number(),
})

const activationBody = z.strictObject({
  /** Number of the activation. Later activations have higher numbers, also when they activate an old policy. */
  sequence: z.int().min(1),
  number: facts.number,
  hash: facts.hash,
  author: z.string(),
  why: z.enum(['seed', 'apply', 'rollback', 'canary', 'promotion', 'withdrawal']),
  /** Time of the change by the Redis clock (RFC 3339); the clock of a node could be set back. */
  time: z.string(),
  /**
   * Another revision that some members enforce for a time (canary). Its results are compared with those of the revision
   * `number`.
   */
  canary: canaryBody.optional(),
  /**
   * Highest number that a revision has had, if it is above `number`. The number of a withdrawn revision is not used
   * again.
   */
  highest: facts.number.optional(),
})

/** Facts about a revision, without its files. */
export type RevisionFacts = z.output<z.ZodObject<typeof facts>>

/** An immutable, numbered policy of the cluster. */
export interface Revision extends RevisionFacts {
  readonly replaces?: number | undefined
  readonly files: readonly PolicyText[]
}

/** The statement that a revision is the active policy of the cluster. */
export type Activation = Readonly<z.output<typeof activationBody>>

/** A revision that some members of the cluster try before it becomes active. */
export type Canary = Readonly<z.output<typeof canaryBody>>

/** Highest revision number in an activation. */
export function highestNumber({ number, canary, highest }: Activation): number {
  return Math.max(number, canary?.number ?? 0, highest ?? 0)
}

const policyText = z.array(z.strictObject({ name: z.string(), text: z.string() }))

/** SHA-256 of the files of a policy, with their names. */
export function hashOf(files: readonly PolicyText[]): string {
  return createHash('sha256').update(filesText(files)).digest('hex')
}

/** Formats a revision as the body of an envelope. The files are compressed. */
export function printRevision({ files, ...rest }: Revision): string {
  return JSON.stringify({ ...rest, files: gzipSync(filesText(files)).toString('base64') })
}

/** Parses a revision; `undefined` when a newer version wrote the revision in an unknown form. */
export function readRevision(body: string): Revision | undefined {
  const { data } = revisionBody.safeParse(JSON.parse(body))
  if (data === undefined) return undefined
  const { files, ...rest } = data
  const text = gunzipSync(Buffer.from(files, 'base64'), { maxOutputLength: 4 * POLICY_MAX_BYTES })
  return { ...rest, files: policyText.parse(JSON.parse(text.toString())) }
}

export function printActivation(activation: Activation): string {
  return JSON.stringify(activation)
}

/** Parses an activation; `undefined` when a newer version wrote the activation in an unknown form. */
export function readActivation(body: string): Activation | undefined {
  return activationBody.safeParse(JSON.parse(body)).data
}

/**
 * Orders activations. A new activation has a higher sequence than every activation that a voting member knows. So equal
 * sequences exist only when Redis lost a write and each node that had applied it was down at the next change. Of two
 * such activations, the one with the later time by the Redis clock wins, and with equal times the one with the greater
 * hash. All nodes then choose the same activation. The MAC covers number, time and hash, so a process that can write to
 * Redis cannot change the order.
 *
 * @returns negative when `a` comes before `b`, 0 when they are the same
 */
export function compareActivations(a: Activation, b: Activation): number {
  if (a.sequence !== b.sequence) return a.sequence - b.sequence
  const [left, right] = [`${a.time} ${a.hash} ${a.number}`, `${b.time} ${b.hash} ${b.number}`]
  return left < right ? -1 : Number(left > right)
}

/**
 * Parses the files of a revision.
 *
 * @param folder  folder of this node against which relative paths in the policy are resolved
 * @throws {ConfigError} with all problems
 */
export function sourceOf(files: readonly PolicyText[], folder: string): PolicySource {
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  if (bytes > POLICY_MAX_BYTES) {
    const message = `the policy has ${bytes} bytes; a revision may have ${formatSize(POLICY_MAX_BYTES)}`
    throw new ConfigError([problem('GH_CONFIG_TOO_LARGE', message, [], nowhere)])
  }
  for (const { name } of files) {
    if (basename(name) === name && name !== '' && name !== '..' && name !== '.') continue
    const message = `the file name ${JSON.stringify(name)} of the policy must not contain a folder`
    throw new ConfigError([problem('GH_CONFIG_VALUE', message, [], nowhere)])
  }
  const source = readPolicy(files.map(({ name, text }) => ({ file: join(folder, name), bytes: Buffer.from(text) })))
  // Use the start of the revision's hash, so that nodes and revisions show the same hash.
  return { ...source, revision: hashOf(files).slice(0, 12) }
}

function filesText(files: readonly PolicyText[]): string {
  return JSON.stringify(files.map(({ name, text }) => ({ name, text })))
}
