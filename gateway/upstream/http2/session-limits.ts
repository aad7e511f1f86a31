import type { EventRate } from '../../base/event-budget.ts'

/** Calls on one session at the same time, if the service allows as many. */
export const CALLS_MAX = 100
/** Calls on a session from which another session is opened: calls of many clients do not share one TCP connection. */
export const CALLS_SPREAD = 32
/** Sessions to one upstream that all clients share. */
export const SHARED_MAX = 256

/**
 * Cancelled calls after which a session is retired: no new calls, and it closes after the last one. With the calls that
 * are open then, a service gets at most 150 cancels on one connection. Limits of servers, above which they close the
 * connection: 200 in 30 s (Netty), 500 (Envoy), 1000 (nghttp2, Node.js).
 */
export const CANCELS_MAX = 50
/**
 * Cancels of one client on the sessions that it shares with others. Above this rate, its calls get sessions of their
 * own, until half of the burst has returned.
 */
export const CLIENT_CANCELS: EventRate = { burst: 20, perSecond: 1 }
/** Sessions of one client with too many cancels, and of all such clients. */
export const SEPARATE_PER_CLIENT_MAX = 8
export const SEPARATE_MAX = 64

/** Age at which a session is retired, ms, so that calls follow changes of DNS and of balancers. */
export const AGE_MS = 30 * 60_000
/** Calls after which a session is retired. */
export const SESSION_CALLS_MAX = 1_000_000
/** Time without calls after which a session closes, ms. */
export const IDLE_MS = 60_000

/** Time without a byte of a service with open calls after which the gate sends a PING, ms. */
export const SILENT_MS = 10_000
/** Time without a byte of a service after which a new call sends a PING with it, ms. */
export const STALE_MS = 5_000
/** Time for the reply to a PING, ms. Without it, the session is closed. */
export const PING_ACK_MS = 10_000
/**
 * Shortest time between two PINGs to a service that sent neither head nor data meanwhile, ms. gRPC servers close
 * connections with more PINGs (default of gRPC: 5 minutes).
 */
export const PING_PAUSE_MS = 5 * 60_000 + 5_000

/** Flow-control window of each reply, bytes. A reply that its client does not read takes as much memory. */
export const REPLY_WINDOW_BYTES = 128 * 1024
/** Flow-control window of a session, bytes. */
export const SESSION_WINDOW_BYTES = 1024 * 1024
/** Memory that node:http2 may use for a session, MB. */
export const SESSION_MEMORY_MB = 64

/** Bytes of a request body that are kept until the reply begins, so that an unprocessed request can be sent again. */
export const REPEATABLE_BYTES = 64 * 1024
/** Sessions on which an unprocessed call is tried before it fails. */
export const SESSIONS_TRIED_MAX = 4
