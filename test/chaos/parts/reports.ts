import type { NameReplies } from '../../kit/name-server.ts'

/** Message of the process of a service. Times are Unix times in ms. */
export type ServiceReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'request'; readonly id: string; readonly path: string; readonly atMs: number }
  /** A WebSocket message that arrived, with the time at which the client sent it. */
  | { readonly kind: 'message'; readonly path: string; readonly sentMs: number }

/** Message of the process of an audit sink. */
export type SinkReport =
  | { readonly kind: 'ready' }
  /** Request ids of audit records that the sink received. */
  | { readonly kind: 'records'; readonly ids: readonly string[] }

/** Kind of the replies of the name server; `slow`: the address, after 1.5 s. */
export type NameServerMode = NameReplies | 'slow'

/** Message of the process of a name server: it received a query, and replies in this mode. */
export type NameServerReport = { readonly kind: 'ready' } | { readonly kind: 'query'; readonly mode: NameServerMode }
