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
