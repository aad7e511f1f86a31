import type { Sealer } from '../base/sealer.ts'
import type { IssuerLog } from '../issuers/key-set.ts'
import type { KeySource } from '../issuers/key-source.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { BackchannelLogout } from './backchannel-logout.ts'
import { HandOverCodes } from './hand-over-codes.ts'
import { HandOverRequests } from './hand-over-request.ts'
import { HostLogins } from './host-logins.ts'
import { LoginCounts } from './login-counts.ts'
import { LoginStates } from './login-states.ts'
import { Logins } from './logins.ts'
import { Logouts } from './logouts.ts'
import { Redemptions } from './redemptions.ts'
import { SwitchConsents } from './switch-consents.ts'
import { UsedLogoutTokens } from './used-logout-tokens.ts'

export interface LoginServiceDependencies {
  readonly clients: Pick<LoginClients, 'of'>
  /** Key sets of the issuers, which verify logout tokens. */
  readonly keys: KeySource
  readonly link: RedisLink
  /** Encrypts login attempts and signs consents; a sealer with the purpose `login-state`. */
  readonly sealer: Sealer
  readonly sessions: Sessions
  /** Returns the issuers of the policy in force, for logins. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly log: IssuerLog
}

/** Handlers of the gate's login paths: logins and logouts of browsers, and back-channel logouts of issuers. */
export class LoginService {
  readonly logins: Logins
  readonly logouts: Logouts
  readonly hosts: HostLogins
  readonly backchannel: BackchannelLogout
  readonly counts: LoginCounts

  constructor({ clients, keys, link, sealer, sessions, issuers, log }: LoginServiceDependencies) {
    this.counts = new LoginCounts(issuers)
    const states = new LoginStates(sealer)
    const redemptions = new Redemptions(link.store, link.keys)
    const consents = new SwitchConsents(sealer)
    const requests = new HandOverRequests(sealer)
    const codes = new HandOverCodes(link.store, link.keys, sealer)
    this.hosts = new HostLogins({ requests, codes, redemptions, sessions, log })
    const { hosts, counts } = this
    this.logins = new Logins({ clients, states, redemptions, consents, sessions, hosts, counts, log })
    this.logouts = new Logouts({ clients, sessions })
    const used = new UsedLogoutTokens(link.store, link.keys)
    this.backchannel = new BackchannelLogout({ keys, used, sessions, log })
  }
}
