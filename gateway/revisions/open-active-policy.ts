import { readFileSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { RedisSettings, RedisSource } from '../base/redis-topology.ts'
import type { KeyRings } from '../config/key-rings.ts'
import { policyFiles } from '../config/policy-files.ts'
import type { PolicySettings } from '../config/policy-settings.ts'
import { RedisLink } from '../redis/redis-link.ts'
import type { ActivePolicyDependencies } from './active-policy.ts'
import { Envelopes } from './envelope.ts'
import { PolicyCopy } from './policy-copy.ts'
import type { PolicyText } from './revision.ts'
import { RevisionStore } from './revision-store.ts'
import { type StartedPolicy, startPolicy } from './start-policy.ts'

export interface OpenActivePolicyDependencies
  extends Pick<ActivePolicyDependencies, 'check' | 'role' | 'publicUrls' | 'log'> {
  readonly settings: {
    readonly policy: Extract<PolicySettings, { source: 'cluster' }>
    readonly node: { readonly id: string }
  }
  readonly redis: RedisSettings
  readonly redisSource?: RedisSource
  readonly keyRings: Pick<KeyRings, 'policy'>
}

export interface OpenedPolicy extends StartedPolicy {
  readonly envelopes: Envelopes
}

/**
 * Loads the policy of the cluster when a process starts. The connections to Redis that are opened for this are closed
 * afterwards.
 *
 * @throws {ConfigError} when the process cannot start with the policy of the cluster
 */
export async function openActivePolicy({
  settings,
  redis,
  redisSource,
  keyRings,
  role,
  ...rest
}: OpenActivePolicyDependencies): Promise<OpenedPolicy> {
  const { policy, node } = settings
  const { seed, copy } = policy
  const envelopes = new Envelopes(keyRings.policy, redis.prefix)
  const link = new RedisLink(redis, rest.log, redisSource)
  try {
    const started = await startPolicy({
      ...rest,
      role,
      envelopes,
      store: new RevisionStore(link.client('receipt', 'policy-start'), link.keys),
      copy: new PolicyCopy(copy),
      folder: folderOf(seed, copy),
      seed: seed === undefined || role !== 'node' ? undefined : { path: seed, read: () => readTexts(seed) },
      author: `node ${node.id}`,
    })
    return { ...started, envelopes }
  } finally {
    await link.close()
  }
}

/** Folder against which relative paths in revisions are resolved. */
function folderOf(seed: string | undefined, copy: string): string {
  if (seed === undefined) return dirname(copy)
  return statSync(seed, { throwIfNoEntry: false })?.isDirectory() === true ? seed : dirname(seed)
}

/** Reads the files of a policy from the disk. @throws {ConfigError} when the path cannot be read */
function readTexts(path: string): PolicyText[] {
  return policyFiles(path).map((file) => ({ name: basename(file), text: readFileSync(file, 'utf8') }))
}
