import { refreshSession } from '../../gateway/queues/refresh-session.ts'
import type { Refresher } from '../../gateway/sessions/refresher.ts'
import type { SessionStore } from '../../gateway/sessions/session-store.ts'
import { handles } from '../handles.ts'

export interface RefreshSessionParts {
  readonly store: Pick<SessionStore, 'look'>
  readonly refresher: Pick<Refresher, 'refresh'>
}

/**
 * Refreshes a session in use before its access token runs out, so that no request has to wait for it.
 *
 * Idempotent: the version that is about to run out is refreshed once in the whole cluster, and a second run finds a newer
 * one. A session that is used no more is no longer ordered, and runs out.
 *
 * @throws {GatewayFault} `refresh-unavailable`, `store-unavailable`, which are tried again
 */
export const refreshSessionHandler = ({ store, refresher }: RefreshSessionParts) =>
  handles(refreshSession, async ({ session: id, version }) => {
    const session = (await store.look(id))?.session
    if (session === undefined) return 'gone'
    if (session.version > version) return 'fresh'
    return (await refresher.refresh(session)) === undefined ? 'over' : 'refreshed'
  })
