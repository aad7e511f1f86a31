import { refreshSession } from '../../gateway/queues/refresh-session.ts'
import type { Refresher } from '../../gateway/sessions/refresher.ts'
import type { SessionStore } from '../../gateway/sessions/session-store.ts'
import { handles } from '../handles.ts'

export interface RefreshSessionDependencies {
  readonly store: Pick<SessionStore, 'read'>
  readonly refresher: Pick<Refresher, 'refresh'>
}

/**
 * Refreshes a session in use before its access token expires, so that no request waits for the issuer.
 *
 * Idempotent: each version of a session is refreshed once in the whole cluster, and a second run finds a newer version.
 * Nodes enqueue no job for a session that is no longer used; its access token expires.
 *
 * @throws {GatewayFault} `refresh-unavailable`, `store-unavailable`; BullMQ retries both
 */
export const refreshSessionHandler = ({ store, refresher }: RefreshSessionDependencies) =>
  handles(refreshSession, async ({ session: id, version }) => {
    const session = (await store.read(id))?.session
    if (session === undefined) return 'gone'
    if (session.version > version) return 'fresh'
    return (await refresher.refresh(session)) === undefined ? 'over' : 'refreshed'
  })
