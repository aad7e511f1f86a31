import type { EventRate } from '../base/event-budget.ts'

/**
 * Maximum time from accepting an HTTP/2 connection until the SETTINGS frame of the client, ms. It includes the TLS
 * handshake.
 */
export const PREFACE_MS = 10_000
/** Time for which an HTTP/2 connection without requests may stay open after GOAWAY, ms. */
export const LINGER_MS = 5000
/** Time without a byte from a client with open requests after which the gate sends a PING, ms. */
export const QUIET_MS = 20_000
/** Maximum time for the client's reply to a PING, ms. Without a reply in this time, the connection is closed. */
export const PING_REPLY_MS = 20_000

/**
 * Maximum number of requests in progress on the node over HTTP/2. A fifth is reserved for addresses that sent a valid
 * credential, as for connections.
 */
export const STREAMS_MAX = 20_000
/** Maximum number of requests in progress for one client address over all its HTTP/2 connections. */
export const STREAMS_PER_ADDRESS_MAX = 2000
/**
 * Part of a limit of HTTP/2 connections or requests of the whole node that is open to addresses that have not sent a
 * valid credential.
 */
export const OPEN_SHARE = 0.8

/** Limit of the PING frames of one client. gRPC clients send several per second to measure the bandwidth. */
export const PINGS: EventRate = { burst: 1000, perSecond: 50 }
/** Limit of the SETTINGS frames of one client. The gate must acknowledge each of them. */
export const SETTINGS: EventRate = { burst: 100, perSecond: 1 }
/** Limit of the requests that the clients at one address cancel before the end of the reply, over all connections. */
export const CANCELS: EventRate = { burst: 1000, perSecond: 50 }
/**
 * Limit of the bytes that carry neither a request head nor a body: WINDOW_UPDATE, PRIORITY and unknown frames, and the
 * part of the head of a DATA frame (9 bytes) that exceeds its data. Node.js does not report these frames, so the gate
 * counts the bytes.
 */
export const OVERHEAD_BYTES: EventRate = { burst: 1024 * 1024, perSecond: 64 * 1024 }

/** Bytes of the head of an HTTP/2 frame (RFC 9113 §4.1). */
export const FRAME_HEAD_BYTES = 9

/** Largest part of a request head that does not count as overhead, bytes on the wire. */
export const HEAD_CREDIT_MAX = 16 * 1024
/** Bytes of frame heads and HPACK that each request may need in addition to its fields. */
export const REQUEST_CREDIT = 128

/** Number of bytes sent to an HTTP/2 client that allow the client one byte of overhead, such as WINDOW_UPDATE. */
export const SENT_PER_CREDIT = 8
/** Flow-control window of each request body, bytes: what a client can send before the service reads. */
export const WINDOW_BYTES = 64 * 1024 - 1

/**
 * Limits of nghttp2 for a connection of a client, and for a connection of a listed proxy. The connection of a proxy
 * carries the requests of many clients and must not end because of one client.
 */
export const nativeLimits = {
  client: { maxSessionInvalidFrames: 100, streamResetBurst: 200, streamResetRate: 20 },
  proxy: { maxSessionInvalidFrames: 1000, streamResetBurst: 1000, streamResetRate: 33 },
} as const

/**
 * Number of cancelled requests on a connection from which a protocol error counts as a flood of cancellations: nghttp2
 * reports more than `streamResetBurst` cancellations as a protocol error.
 */
export const CANCELS_CUT = nativeLimits.client.streamResetBurst

/**
 * Causes for which the gate ends an HTTP/2 connection, or refuses it, as in the metrics:
 *
 * - `preface`: no SETTINGS frame of the client in time, or no TLS handshake;
 * - `idle`, `age`, `drain`: without requests for too long, too old, or the node stops;
 * - `certificate`: the client certificate of the connection is missing, has expired, or is no longer accepted;
 * - `ping-timeout`: no reply to a PING;
 * - `ping-flood`, `settings-flood`, `frame-flood`, `cancel-flood`: more than the limits above;
 * - `protocol-error`: the client violated HTTP/2, or a limit of nghttp2;
 * - `address-full`, `node-full`: refused when it was opened, because of a limit of connections.
 */
export const sessionEndCauses = [
  'preface',
  'idle',
  'age',
  'drain',
  'certificate',
  'ping-timeout',
  'ping-flood',
  'settings-flood',
  'frame-flood',
  'cancel-flood',
  'protocol-error',
  'address-full',
  'node-full',
] as const

export type SessionEndCause = (typeof sessionEndCauses)[number]

/** Causes for which the gate refuses an HTTP/2 request before it becomes an exchange, as in the metrics. */
export const streamRefusalCauses = ['cancelled', 'address-full', 'node-full'] as const

export type StreamRefusalCause = (typeof streamRefusalCauses)[number]
