import type { Reason } from '../../base/reasons.ts'

/**
 * Reasons for the end of an exchange that no phase returns: ended by the service's response, a limit or check of
 * streams, the listener, a timer or an unexpected failure. Each phase lists the reasons for its own verdicts and
 * faults.
 */
export const endReasons = [
  'admitted',
  'reply-broken',
  'streams-full',
  'stream-limited',
  'stream-ended',
  'stream-ended-by-operator',
  'stream-max-age',
  'stream-idle',
  'client-gone',
  'trailer-after-body',
  'trailers-too-large',
  'reader-stalled',
  'message-too-large',
  'service-stalled',
  'upload-stalled',
  'body-too-large',
  'exchange-timeout',
  'node-stopped',
  'node-fault',
] as const satisfies readonly Reason[]

export type EndReason = (typeof endReasons)[number]
