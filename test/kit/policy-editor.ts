import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { RedisSettings } from '../../gateway/base/redis-topology.ts'
import { KeyRings } from '../../gateway/config/key-rings.ts'
import type { RedisKeys } from '../../gateway/redis/keys.ts'
import type { RedisClient } from '../../gateway/redis/redis-client.ts'
import type { ActivePolicy } from '../../gateway/revisions/active-policy.ts'
import { openActivePolicy } from '../../gateway/revisions/open-active-policy.ts'
import type { PolicyText } from '../../gateway/revisions/revision.ts'
import { type PolicyOrder, RevisionService } from '../../gateway/revisions/revision-service.ts'
import { RevisionStore } from '../../gateway/revisions/revision-store.ts'
import { atEnd } from './cleanup.ts'
import { clusterView } from './cluster-view.ts'
import { redisSettingsFor, testLink } from './redis.ts'
import type { NodeOptions } from './test-node.ts'

/** A folder with the files of nodes that enforce the policy of a cluster. */
export class PolicyFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'gatehouse-revisions-'))
  readonly secret = randomBytes(32).toString('base64url')
  readonly #redisUrl: string

  constructor(redisUrl: string) {
    this.#redisUrl = redisUrl
    atEnd(() => rmSync(this.path, { recursive: true, force: true }))
  }

  /** Path of the copy of a node. */
  copyOf(id: string): string {
    return join(this.path, `${id}.copy`)
  }

  /** Options of a node or worker whose seed is this policy. */
  options(id: string, seed: object, env: Readonly<Record<string, string>> = {}): NodeOptions {
    const seedPath = join(this.path, `${id}.yaml`)
    writeFileSync(seedPath, stringify(seed))
    return {
      policy: seed,
      settings: {
        node: { id },
        redis: { url: this.#redisUrl },
        revocation: { max_staleness: '10s' },
        log: { access: false },
        policy: { source: 'cluster', seed: seedPath, copy: this.copyOf(id) },
        keys: { policy: [{ id: 'k1', secret: { env: 'POLICY_KEY' } }] },
      },
      env: { POLICY_KEY: this.secret, ...env },
    }
  }
}

/** Changes the policy of a cluster from the process of the tests, as a node does for its admin API. */
export class PolicyEditor {
  readonly service: RevisionService
  readonly store: RevisionStore
  readonly policy: ActivePolicy

  constructor(service: RevisionService, store: RevisionStore, policy: ActivePolicy) {
    this.service = service
    this.store = store
    this.policy = policy
  }

  apply(policy: object, order: Partial<PolicyOrder> = {}) {
    return this.service.apply({ ...usual, files: [fileOf(policy)], against: undefined, ...order })
  }

  rollback(to?: number) {
    return this.service.rollback(to, { ...usual, against: undefined })
  }
}

/**
 * Opens an editor, once a node has planted the first revision.
 *
 * @param openStore  opens the store of the editor, for tests that act between the steps of a change
 */
export async function policyEditor(
  place: number | RedisSettings,
  { secret, path }: PolicyFolder,
  openStore = (client: RedisClient, keys: RedisKeys) => new RevisionStore(client, keys),
): Promise<PolicyEditor> {
  const redis = typeof place === 'number' ? redisSettingsFor(place) : place
  const link = await testLink(redis)
  const cluster = await clusterView(link, { id: 'editor' })
  const keys = {
    assertion: [],
    encryption: [],
    audit: [],
    policy: [{ id: 'k1', secret: Buffer.from(secret, 'base64url') }],
  }
  const { policy, envelopes } = await openActivePolicy({
    settings: {
      policy: { source: 'cluster', seed: undefined, copy: join(path, 'editor.copy'), owners: {} },
      node: { id: 'editor' },
    },
    redis,
    keyRings: new KeyRings(keys),
    publicUrls: undefined,
    role: 'worker',
    check: () => undefined,
    log: () => undefined,
  })
  const store = openStore(link.store, link.keys)
  policy.attach(store)
  return new PolicyEditor(
    new RevisionService({
      policy,
      store,
      metrics: { count: () => undefined },
      envelopes,
      cluster,
      log: () => undefined,
    }),
    store,
    policy,
  )
}

export function fileOf(policy: object): PolicyText {
  return { name: 'policy.yaml', text: stringify(policy) }
}

const usual = { author: 'the test', message: 'a change', waitMs: 20_000 }
