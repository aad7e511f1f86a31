import type { Consumed, Permitted } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { resumed } from '../exchange/resumed.ts'
import { proofReplayed } from '../identity/proof-denials.ts'

/**
 * Admits each DPoP proof once in the cluster (RFC 9449 §11.1), by one atomic write to Redis. Denies 401
 * `invalid_dpop_proof` for a proof that was used before. Throws `store-unavailable` when Redis is unavailable and the
 * route has `on_outage.replay: closed`.
 *
 * Runs after `authorize`, so that only holders of valid tokens write to Redis, and before `limit-subject`, so that a
 * replay spends no permit of the subject. A forward-auth check consumes the proof too, unless the setting `check.dpop`
 * is `verify`.
 */
export const consumeProof = waitingPhase<Permitted, Consumed>()({
  name: 'consume-proof',
  waits: 'for Redis, when the request has a DPoP proof',
  denies: ['proof-replayed'],
  throws: ['store-unavailable'],
  run(x) {
    const { proof, gate } = x
    if (proof === undefined || (x.checkPath !== undefined && !gate.checksConsumeProofs)) return undefined
    const used = gate.proofs.use(proof.id, x.route.replayOnOutage)
    return used instanceof Promise ? resumed(x, used, (late) => conclude(x, late)) : conclude(x, used)
  },
})

function conclude(x: Permitted, isFirstUse: boolean) {
  return isFirstUse ? undefined : proofReplayed(x)
}
