import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { SETTLE_MS } from '../cluster/epoch.ts'
import { ConfigError, nowhere, type Problem, problem } from '../config/problem.ts'
import { ActivePolicy, type ActivePolicyDependencies } from './active-policy.ts'
import { compiledPolicy } from './compiled-policy.ts'
import type { Envelopes } from './envelope.ts'
import {
  compareActivations,
  hashOf,
  type PolicyText,
  printActivation,
  printRevision,
  type Revision,
  readActivation,
} from './revision.ts'
import type { RevisionStore, SealedPolicy } from './revision-store.ts'
import { type FoundPolicy, openSealed } from './sealed-policy.ts'

const LOOK_AGAIN_MS = 100
/** Maximum wait for a reply of Redis before the process starts from its copy of the policy on disk, ms. */
const REPLY_MS = 3000
/**
 * Maximum wait of a process without a copy of the policy, for Redis or for a first revision, ms. After this time the
 * start fails.
 */
const START_MS = 30_000
/** As START_MS, for a command that an operator waits for, ms. */
const COMMAND_MS = 5000

/** The cluster has no policy, or Redis does not reply; and there is no copy on disk. */
export class NoPolicyFound extends ConfigError {
  /** Whether Redis has replied that the cluster has no policy. */
  readonly isClusterEmpty: boolean

  constructor(found: Problem, isClusterEmpty: boolean) {
    super([found])
    this.isClusterEmpty = isClusterEmpty
  }
}

export interface StartPolicyDependencies extends ActivePolicyDependencies {
  /** Store that is used only during the start. `ActivePolicy.attach` sets the store for the time after the start. */
  readonly store: RevisionStore
  /**
   * Reads the policy that becomes the first revision of the cluster (`policy.seed`); `undefined` when the settings name
   * no seed.
   */
  readonly seed: { readonly path: string; read(): readonly PolicyText[] } | undefined
  /** Name under which this process is recorded as the author of the first revision. */
  readonly author: string
}

export interface StartedPolicy {
  readonly policy: ActivePolicy
  /** Time since which Redis is known to be empty, monotonic, ms; `undefined` when it was not empty. */
  readonly emptySince: number | undefined
}

/**
 * Finds the policy with which a process starts: the newest activation in Redis or in the copy on disk. If neither
 * exists and no member enforces a policy, the seed (`policy.seed`) becomes revision 1.
 *
 * @throws {ConfigError} when there is no policy, it is not authentic, or it is invalid
 */
export async function startPolicy(dependencies: StartPolicyDependencies): Promise<StartedPolicy> {
  const { envelopes, copy, seed, role, log } = dependencies
  const limitMs = role === 'command' ? COMMAND_MS : START_MS
  const { kept, isDamaged } = readCopy(dependencies)
  const begunAt = performance.now()
  let emptySince: number | undefined
  let isSeeded = false
  for (;;) {
    const waitedMs = performance.now() - begunAt
    const text = await readActivationText(dependencies.store)
    if (text !== undefined && text !== '') {
      const stored = await openStored(dependencies, text)
      if (stored !== undefined && (kept === undefined || compareActivations(stored.activation, kept.activation) >= 0)) {
        if (!isSeeded && seed !== undefined && stored.revision.hash !== hashOf(readSeed(seed) ?? [])) {
          log('info', 'policy.seed is ignored: the cluster has a policy', { number: stored.activation.number })
        }
        return { policy: started(dependencies, stored, kept), emptySince: isSeeded ? emptySince : undefined }
      }
      if (kept === undefined) throw untrusted(envelopes.open('activation', text))
    }
    if (kept !== undefined && (text !== undefined || waitedMs > REPLY_MS)) {
      log('warn', 'starting with the copy of the policy on disk', {
        number: kept.activation.number,
        reason: reasonForCopy(envelopes, text),
      })
      return { policy: started(dependencies, kept, undefined), emptySince }
    }
    if (text === '') {
      emptySince ??= performance.now()
      // Do not use the seed beside a damaged copy: the copy proves that the cluster had a policy, so the seed must not
      // become the first revision.
      isSeeded ||= seed !== undefined && !isDamaged && (await plant(dependencies, seed, performance.now() - emptySince))
    }
    // A command does not wait for a node that writes the first revision.
    if (waitedMs > limitMs || (text === '' && role === 'command')) {
      throw nothingFound(text, copy.path, { isDamaged, waitedMs: limitMs })
    }
    await sleep(LOOK_AGAIN_MS)
  }
}

function reasonForCopy(envelopes: Envelopes, text: string | undefined): string {
  if (text === undefined) return 'Redis does not reply'
  if (text === '') return 'Redis has no policy'
  const opened = envelopes.open('activation', text)
  if (!('fault' in opened)) return 'Redis has no newer policy'
  return opened.fault === 'forged' ? 'the policy in Redis is not authentic' : lacksKeyMessage
}

const lacksKeyMessage = 'the policy in Redis was authenticated by a key that this process lacks'

async function readActivationText(store: RevisionStore): Promise<string | undefined> {
  if (!store.connected) return undefined
  try {
    return await store.activation()
  } catch {
    return undefined
  }
}

async function openStored(
  { store, envelopes }: StartPolicyDependencies,
  activation: string,
): Promise<FoundPolicy | undefined> {
  const opened = envelopes.open('activation', activation)
  if ('fault' in opened) return undefined
  const number = readActivation(opened.body)?.number
  if (number === undefined) return undefined
  const revision = await store.revision(number).catch(() => undefined)
  return openSealed(envelopes, { activation, number, revision: revision ?? '' })
}

interface ReadCopy {
  /** Returns the copy of the policy on disk, if it is authentic; else `undefined`. */
  readonly kept: FoundPolicy | undefined
  /** Whether the file of the copy exists and is not authentic. */
  readonly isDamaged: boolean
}

function readCopy({ copy, envelopes, log }: StartPolicyDependencies): ReadCopy {
  const sealed = copy.read()
  if (sealed === undefined) return { kept: undefined, isDamaged: false }
  const kept = openSealed(envelopes, sealed)
  if (kept === undefined) log('error', 'the copy of the policy on disk is not authentic', { path: copy.path })
  return { kept, isDamaged: kept === undefined }
}

/** Compiles the policy that was found. If this policy is invalid, compiles the older copy on disk, if there is one. */
function started(
  dependencies: StartPolicyDependencies,
  found: FoundPolicy,
  kept: FoundPolicy | undefined,
): ActivePolicy {
  const isOlder = kept !== undefined && compareActivations(kept.activation, found.activation) < 0
  try {
    return new ActivePolicy(dependencies, compiledPolicy(dependencies, found), isOlder ? kept : undefined)
  } catch (error) {
    if (!(error instanceof ConfigError) || !isOlder) throw error
    const policy = new ActivePolicy(dependencies, compiledPolicy(dependencies, kept))
    policy.startWithout(found.activation, error)
    return policy
  }
}

/**
 * Makes the seed (`policy.seed`) the first revision, once it is certain that Redis has not just lost its data. This is
 * certain when no member enforces a revision, and Redis either has an epoch or was empty for 3.5 s. In this time, every
 * member would have restored its policy.
 *
 * @returns whether the seed was written
 */
async function plant(
  dependencies: StartPolicyDependencies,
  seed: NonNullable<StartPolicyDependencies['seed']>,
  emptyMs: number,
): Promise<boolean> {
  const { store, envelopes, author } = dependencies
  const isSettled = await store.isSettling().then(
    (is) => !is,
    () => false,
  )
  const isKnown = await store.hasEpoch().catch(() => false)
  if (!isSettled || (!isKnown && emptyMs <= SETTLE_MS)) return false
  if (await store.isEnforced().catch(() => true)) return false
  const files = seed.read()
  const facts = { number: 1, hash: hashOf(files), author, time: new Date().toISOString() }
  const revision: Revision = { ...facts, message: `seed ${seed.path}`, files }
  // Compile the seed before it is stored: an invalid seed must not become a revision.
  compiledPolicy(dependencies, { activation: { ...facts, sequence: 1, why: 'seed' }, revision, sealed: noPolicy })
  const sealed: SealedPolicy = {
    activation: envelopes.seal('activation', printActivation({ ...facts, sequence: 1, why: 'seed' })),
    number: 1,
    revision: envelopes.seal('revision', printRevision(revision)),
  }
  return (await store.activate(sealed, '').catch(() => undefined)) !== undefined
}

const noPolicy: SealedPolicy = { activation: '', number: 1, revision: '' }

function readSeed(seed: NonNullable<StartPolicyDependencies['seed']>): readonly PolicyText[] | undefined {
  try {
    return seed.read()
  } catch {
    return undefined
  }
}

function untrusted(opened: ReturnType<StartPolicyDependencies['envelopes']['open']>): ConfigError {
  const lacksKey = 'fault' in opened && opened.fault === 'unknown-key'
  const message = lacksKey
    ? lacksKeyMessage
    : 'the policy in Redis is not authentic or was written by a newer version, and there is no copy on disk'
  const hint = lacksKey
    ? 'add the key of the other nodes to keys.policy'
    : 'run a node that has a copy of the policy: it restores Redis; then find out who writes to Redis'
  return new ConfigError([problem('GH_CONFIG_KEY_MISSING', message, ['keys', 'policy'], nowhere, hint)])
}

function nothingFound(
  text: string | undefined,
  path: string,
  { isDamaged, waitedMs }: { readonly isDamaged: boolean; readonly waitedMs: number },
): ConfigError {
  const message =
    text === undefined
      ? `Redis did not reply within ${waitedMs / 1000} s, and there is no copy of the policy at ${path}`
      : 'the cluster has no policy yet'
  if (text !== undefined && isDamaged) return damagedCopy(path)
  const hint = text === undefined ? 'start Redis' : 'set policy.seed on a node'
  return new NoPolicyFound(problem('GH_CONFIG_MISSING', message, ['policy'], nowhere, hint), text !== undefined)
}

function damagedCopy(path: string): ConfigError {
  const message = 'Redis has no policy, and the copy of the policy on disk is not authentic'
  const hint = 'start a node that has a copy; to begin with policy.seed instead, remove this file'
  return new ConfigError([problem('GH_CONFIG_VALUE', message, ['policy', 'copy'], { ...nowhere, file: path }, hint)])
}
