import type { LimitRule } from '../base/limit-rule.ts'
import type { Settings } from '../config/settings.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { AddressLimit } from './address-limit.ts'
import { KnownAddresses } from './known-addresses.ts'
import { LimitService } from './limit-service.ts'
import { Limiter } from './limiter.ts'
import { PermitStore } from './permit-store.ts'

export interface LimitsDependencies {
  readonly settings: Pick<Settings, 'addressLimit'>
  /** Connections to Redis. `undefined` without Redis; each limit then applies to this node alone. */
  readonly link: RedisLink | undefined
  /** Returns the number of nodes that share the limits, as last read. Default: 1. */
  readonly members?: (() => number) | undefined
  /** Returns the limits of the current policy. */
  readonly rules: () => Iterable<LimitRule>
}

/** Rate limits of the policy, and this node's limits on unauthenticated clients. */
export interface LimitsRoom {
  readonly limiter: Limiter
  readonly service: LimitService
  readonly addressLimit: AddressLimit
  readonly knownAddresses: KnownAddresses
  /** Returns unspent permits to Redis when the node stops. */
  close(): Promise<void>
}

export function openLimits({ settings, link, members, rules }: LimitsDependencies): LimitsRoom {
  const store = link && new PermitStore(link)
  const limiter = new Limiter({ store, ...(members && { members }) })
  return {
    limiter,
    service: new LimitService(limiter, store, rules),
    addressLimit: new AddressLimit(settings.addressLimit),
    knownAddresses: new KnownAddresses(),
    close: () => limiter.close(),
  }
}
