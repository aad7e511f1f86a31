import type { EventRate } from '../../base/event-budget.ts'

/** Maximum number of concurrent calls on one HTTP/2 session, if the service allows as many. */
export const CALLS_MAX = 100
/**
 * Number of calls on each session at which the next call opens another session, so that the calls of many clients do
 * not share one TCP connection.
 */
export const CALLS_SPREAD = 32
/** Maximum number of sessions to one upstream that its clients share. */
export const SHARED_MAX = 256

/**
 * Number of cancelled calls after which a session is retired: it takes no new calls, and closes after its last call.
 * Even if all calls that are then open are cancelled too, a service gets at most 150 cancels on one connection. Limits
 * of servers, above which they close the connection: 200 in 30 s (Netty), 500 (Envoy), 1000 (nghttp2, Node.js).
 */
export const CANCELS_MAX = 50
/**
 * Limit of the calls that one client cancels on sessions that it shares with other clients. Above this rate, the calls
 * of the client get separate sessions, until half of the burst is available again.
 */
export const CLIENT_CANCELS: EventRate = { burst: 20, perSecond: 1 }
/**
 * Maximum number of separate sessions for one client with too many cancels; `SEPARATE_MAX`: for all such clients
 * together.
 */
export const SEPARATE_PER_CLIENT_MAX = 8
export const SEPARATE_MAX = 64

/**
 * Age at which a session is retired (takes no more calls), ms, so that calls follow changes of DNS and of load
 * balancers.
 */
export const AGE_MS = 30 * 60_000
/** Number of calls after which a session is retired: it takes no more calls. */
export const SESSION_CALLS_MAX = 1_000_000
/** Time without calls after which a session closes, ms. */
export const IDLE_MS = 60_000

/**
 * Time for which a session stays open while its service allows no calls on it, ms. Meanwhile calls to this service
 * fail, and no other session is opened.
 */
export const CLOSED_MS = 1000

/** Time without a byte from a service with open calls, after which the gate sends a PING, ms. */
export const SILENT_MS = 10_000
/** Time without a byte from a service, after which the gate sends a PING together with the next call, ms. */
export const STALE_MS = 5_000
/** Maximum time until the reply to a PING, ms. Without a reply in this time, the session is closed. */
export const PING_ACK_MS = 10_000
/**
 * Shortest time between two PINGs to a service that sent neither head nor data meanwhile, ms. gRPC servers close
 * connections with more PINGs (default of gRPC: 5 minutes).
 */
export const PING_PAUSE_MS = 5 * 60_000 + 5_000

/** Flow-control window of each reply, bytes. A reply that its client does not read takes up to this much memory. */
export const REPLY_WINDOW_BYTES = 128 * 1024
/** Flow-control window of a session, bytes. */
export const SESSION_WINDOW_BYTES = 1024 * 1024
/** Memory that node:http2 may use for a session, MB. */
export const SESSION_MEMORY_MB = 64

/**
 * Maximum number of bytes of a request body that are kept until the reply begins, so that a request that the service
 * has not processed can be sent again.
 */
export const REPEATABLE_BYTES = 64 * 1024
/**
 * Maximum number of sessions on which a call is tried, while the service does not process it, before the call fails.
 */
export const SESSIONS_TRIED_MAX = 4
