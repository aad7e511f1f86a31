import type { Reason } from '../../base/reasons.ts'

/**
 * Reasons for the end of an exchange that no phase lists. The service's response, the listener, a timer or an
 * unexpected failure ended the exchange.
 */
export const endReasons = [
  'admitted',
  'reply-broken',
  'streams-full',
  'stream-limited',
  'stream-ended',
  'stream-max-age',
  'stream-idle',
  'client-gone',
  'trailer-after-body',
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
