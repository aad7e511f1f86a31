import { z } from 'zod'
import type { ListedStream } from '../streams/stream-registry.ts'
import type { StreamSelector } from '../streams/stream-view.ts'
import type { NodeView } from './dependencies.ts'
import { issuerOf } from './session-selector.ts'

const count = z.number().nullable()

/** Schema of a stream (WebSocket, event stream, long download or upload) in replies of the admin API. */
export const streamShape = z.strictObject({
  id: z.string().describe('Id of the stream: the request id of its exchange.'),
  kind: z.enum(['websocket', 'events', 'download', 'upload']).describe('`events`: server-sent events.'),
  route: z.string(),
  issuer: z.string().nullable().describe('Identifier of the issuer; null for a stream that a public route admitted.'),
  subject: z.string().nullable(),
  session: z.string().nullable().describe('Id of the login session, else the `sid` of the token.'),
  address: z.string().describe('IP address of the client of the stream.'),
  started_at: z.string().describe('Time at which the request of the stream arrived (RFC 3339).'),
  messages_in: count.describe('Number of messages of a WebSocket from the client; null for any other kind.'),
  messages_out: count.describe('Number of messages of a WebSocket to the client; null for any other kind.'),
  bytes_in: z.number().describe('Number of bytes from the client: of its messages, or of the request body.'),
  bytes_out: z.number().describe('Number of bytes to the client: of messages, or of the reply body.'),
  held: z
    .boolean()
    .describe(
      'Whether the node holds the stream: it relays nothing, because it cannot check whether the stream is still allowed.',
    ),
})

export function streamDocument(stream: ListedStream): z.input<typeof streamShape> {
  const { issuer = null, subject = null, session = null, messagesIn = null, messagesOut = null } = stream
  const { id, kind, route, address, startedMs, bytesIn, bytesOut, held } = stream
  return {
    id,
    kind,
    route,
    issuer,
    subject,
    session,
    address,
    started_at: new Date(startedMs).toISOString(),
    messages_in: messagesIn,
    messages_out: messagesOut,
    bytes_in: bytesIn,
    bytes_out: bytesOut,
    held,
  }
}

/** Schemas of the query parameters of the operations that list streams. */
export const streamFilters = z.strictObject({
  subject: z.string().min(1).max(1024).optional().describe('Only streams of this subject.'),
  issuer: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe('Only streams of subjects of this issuer: its name in the policy, or its identifier.'),
  route: z.string().min(1).max(512).optional().describe('Only streams of the route with this id.'),
})

/**
 * Returns the selector of streams that a caller gave.
 *
 * @throws {ApiProblem} when the policy does not have the given issuer
 */
export function streamSelectorOf(
  { subject, issuer, route }: z.output<typeof streamFilters>,
  node: NodeView,
): StreamSelector {
  return {
    ...(subject !== undefined && { subject }),
    ...(issuer !== undefined && { issuer: issuerOf(issuer, node) }),
    ...(route !== undefined && { route }),
  }
}

/** Example of a stream, for the OpenAPI document. */
export const exampleStream: z.input<typeof streamShape> = {
  id: '01K7V1S6X4QZ',
  kind: 'websocket',
  route: 'live',
  issuer: 'https://idp.example',
  subject: 'alice',
  session: null,
  address: '192.0.2.7',
  started_at: '2030-01-31T11:57:00.000Z',
  messages_in: 12,
  messages_out: 340,
  bytes_in: 960,
  bytes_out: 48_200,
  held: false,
}
