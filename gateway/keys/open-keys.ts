import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { KeyKind } from '../config/key-kinds.ts'
import type { KeyRings } from '../config/key-rings.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import { KeyChange } from './key-change.ts'
import { KeyHolders } from './key-holders.ts'
import { type LifetimeInputs, localUse } from './key-lifetimes.ts'
import { KeyService, type KeyServiceDependencies } from './key-service.ts'
import { WritingKeys, type WritingKeysDependencies } from './writing-keys.ts'

export interface KeysDependencies {
  readonly keyRings: KeyRings
  readonly lifetimes: LifetimeInputs
  readonly node: { readonly id: string }
  /** The connection to Redis; `undefined` on a node without Redis. */
  readonly cluster: Pick<ClusterRoom, 'link' | 'cluster' | 'client'> | undefined
  readonly log: WritingKeysDependencies['log']
  readonly renewPolicyMacs?: KeyServiceDependencies['renewPolicyMacs']
}

/** Keys of this node as a member of the cluster. */
export interface KeysRoom {
  readonly change: KeyChange
  /** The service that lists and switches keys; `undefined` on a node without Redis. */
  readonly service: KeyService | undefined
  close(): Promise<void>
}

/** Opens the keys of a node. Must be called before the node joins the cluster. */
export function openKeys({ keyRings, lifetimes, node, cluster, log, renewPolicyMacs }: KeysDependencies): KeysRoom {
  if (cluster === undefined) {
    const change = new KeyChange({ keyRings, neededUntilMs: localUse(keyRings, lifetimes) })
    return { change, service: undefined, close: async () => {} }
  }
  const { link, client } = cluster
  const holders = new KeyHolders({ link, keyRings, process: { id: node.id, role: 'node' } })
  const { acknowledgements } = cluster.cluster
  const writingKeys = new WritingKeys({ client, keys: link.keys, keyRings, acknowledgements, log })
  cluster.cluster.register(writingKeys)
  holders.start()
  return {
    change: new KeyChange({ keyRings, neededUntilMs: sharedUse(holders, lifetimes) }),
    service: new KeyService({ holders, writingKeys, keyRings, cluster: cluster.cluster, lifetimes, renewPolicyMacs }),
    close: () => holders.close(),
  }
}

/** Returns the use of a key in the whole cluster, for the check of a reload. */
export function sharedUse(
  holders: Pick<KeyHolders, 'read'>,
  lifetimes: LifetimeInputs,
): (kind: KeyKind, id: string) => Promise<number> {
  return async (kind, id) => {
    try {
      return (await holders.read()).neededUntilMs(kind, id, lifetimes)
    } catch (error) {
      const message = `key \`${id}\` of keys.${kind} is missing, and Redis cannot be asked whether it is still in use: ${(error as Error).message}`
      const hint = 'restore the key, or reload when Redis is available'
      throw new ConfigError([problem('GH_CONFIG_KEY_MISSING', message, ['keys', kind], nowhere, hint)])
    }
  }
}
