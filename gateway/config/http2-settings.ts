import { z } from 'zod'
import { listenAddress } from './listen-address.ts'
import { duration } from './text-schemas.ts'

/** Schema of the settings `listen_h2`: the HTTP/2 listener of the data plane. */
export const http2Settings = z
  .strictObject({
    address: listenAddress
      .describe(
        'Address of the HTTP/2 listener: host:port, [address]:port, or :port for all addresses. It needs a port of its ' +
          'own. `reuse_port` applies to it too.',
      )
      .meta({ reload: 'restart' }),
    tls: z
      .boolean()
      .describe(
        'true: TLS with the certificates of `tls`; clients must offer h2 by ALPN. false: HTTP/2 without TLS, with prior ' +
          'knowledge (h2c), for a balancer that terminates TLS in front.',
      )
      .meta({ reload: 'restart' }),
    max_streams: z
      .int()
      .min(1)
      .max(1000)
      .prefault(100)
      .describe(
        'Maximum number of concurrent requests on one connection. Default 100, 1 to 1000. Each may buffer 64 KiB of its ' +
          'request body.',
      )
      .meta({ reload: 'restart' }),
    max_sessions: z
      .int()
      .min(10)
      .max(1_000_000)
      .prefault(10_000)
      .describe(
        'Maximum number of open HTTP/2 connections on the node. Default 10000, 10 to 1000000. A fifth is reserved for ' +
          'addresses that recently sent a valid credential and for `proxies`.',
      )
      .meta({ reload: 'restart' }),
    max_sessions_per_address: z
      .int()
      .min(1)
      .max(1_000_000)
      .prefault(100)
      .describe(
        'Maximum number of open HTTP/2 connections for one client address (IPv4 address or IPv6 /64). Default 100, 1 to ' +
          '1000000. Proxies in `proxies` have no such limit.',
      )
      .meta({ reload: 'restart' }),
    max_age: duration({ min: '1m', max: '24h' })
      .prefault('1h')
      .describe(
        'Age at which the gate sends GOAWAY on a connection, so that clients connect again: to new certificates, and to ' +
          'all nodes behind a balancer. Requests in progress complete. Default 1h, 1m to 24h; up to a tenth shorter at ' +
          'random.',
      )
      .meta({ reload: 'restart' }),
    ext_authz: z
      .boolean()
      .prefault(false)
      .describe(
        "true: proxies in `check.peers` may call Envoy's authorization service (ext_authz v3, gRPC) on this listener. " +
          'Requires `check.peers`. Default false. Other peers get UNIMPLEMENTED. With `tls: false` the calls, which carry ' +
          'the credentials of users, are not encrypted.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ address, tls, max_streams, max_sessions, max_sessions_per_address, max_age, ext_authz }) => ({
    ...address,
    tls,
    maxStreams: max_streams,
    maxSessions: max_sessions,
    maxSessionsPerAddress: max_sessions_per_address,
    maxAgeMs: max_age,
    extAuthz: ext_authz,
  }))
