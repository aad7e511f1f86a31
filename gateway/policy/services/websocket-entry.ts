import { z } from 'zod'
import { size, text } from '../../config/text-schemas.ts'
import { pageOrigin } from './page-origin.ts'

/** Schema of a WebSocket subprotocol: a token (RFC 9110 §5.6.2). Names that the gate itself uses are rejected. */
const subprotocol = text(
  'a subprotocol: a token, not gatehouse and not starting with gatehouse.',
  /^(?!gatehouse$|gatehouse\.)[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/,
)

/** Schema of `websocket` of a route: which WebSockets (RFC 6455) the route allows. */
export const websocketEntry = z.strictObject({
  origins: z
    .array(pageOrigin)
    .prefault([])
    .describe(
      'Origins whose pages may open WebSockets, in addition to the origin of the requested host. Default []. Handshakes ' +
        'with any other Origin get 403. Other hosts of `public_url` must be listed too.',
    ),
  subprotocols: z
    .array(subprotocol)
    .min(1)
    .optional()
    .describe(
      'Subprotocols that the gate may offer to the service, of those that the client offers. Default: all that the client offers.',
    ),
  max_message: size({ min: '1B', max: '64MiB' })
    .optional()
    .describe(
      'Maximum size of a message, in either direction. Default and maximum: `streams.max_message` of the node. A larger ' +
        'message ends the WebSocket with close code 1009.',
    ),
  token_in_protocol: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether a client may send its token as the subprotocol `gatehouse.bearer.` followed by the token in base64url ' +
        'without padding, because browsers cannot set Authorization. Default false.',
    ),
})

export type WebSocketEntry = z.output<typeof websocketEntry>
