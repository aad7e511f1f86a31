import { randomBytes } from 'node:crypto'
import { epochStartMs } from '../cluster/epoch.ts'
import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { Settings } from '../config/settings.ts'
import { DpopProofs, recordLifeMs } from './dpop-proofs.ts'
import { NonceSecret } from './nonce-secret.ts'
import { ProofNonces } from './proof-nonces.ts'
import { UsedProofs } from './used-proofs.ts'

interface ProofsDependencies {
  readonly settings: Pick<Settings, 'dpop'>
  /** Connection to the cluster; `undefined` for a node without Redis, which keeps its own records of used proofs. */
  readonly cluster: Pick<ClusterRoom, 'cluster' | 'client' | 'link'> | undefined
}

export function openProofs({ settings, cluster }: ProofsDependencies): DpopProofs {
  return cluster === undefined ? openOwnProofs(settings) : openSharedProofs(settings, cluster)
}

/**
 * Proofs of a node without Redis. Its records end with the process, so a start of the process counts as a new epoch.
 */
export function openOwnProofs({ dpop }: ProofsDependencies['settings']): DpopProofs {
  const { iatWindowMs, nonce } = dpop
  const secret = randomBytes(32)
  const epoch = { id: 'own', startMs: Date.now() }
  const settleMs = recordLifeMs(iatWindowMs)
  const nonces = new ProofNonces({ mode: nonce, settleMs, epoch: () => epoch, secret: () => secret })
  return new DpopProofs({ iatWindowMs, nonces, used: undefined })
}

function openSharedProofs(
  { dpop }: ProofsDependencies['settings'],
  { cluster, client, link }: NonNullable<ProofsDependencies['cluster']>,
): DpopProofs {
  const { iatWindowMs, nonce } = dpop
  const settleMs = recordLifeMs(iatWindowMs)
  const secret = new NonceSecret(client, link.keys)
  cluster.register(secret)
  const epoch = () => ({ id: cluster.epoch, startMs: epochStartMs(cluster.epoch) })
  const nonces = new ProofNonces({ mode: nonce, settleMs, epoch, secret: () => secret.bytes })
  const used = new UsedProofs(link.store, link.keys, settleMs, () => cluster.epoch)
  return new DpopProofs({ iatWindowMs, nonces, used })
}
