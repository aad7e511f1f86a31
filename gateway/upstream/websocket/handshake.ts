import { createHash, randomBytes } from 'node:crypto'
import { MalformedReply } from '../malformed-reply.ts'
import type { ReplyHead } from '../reply-head.ts'

/** Text that is appended to the key of the handshake before the key is hashed (RFC 6455 §1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The opening handshake of the gate with a service (RFC 6455 §4.1). The gate offers no extension. */
export class Handshake {
  readonly #key = randomBytes(16).toString('base64')
  readonly #protocols: readonly string[]

  /** @param protocols  subprotocols offered to the service, in order of preference */
  constructor(protocols: readonly string[]) {
    this.#protocols = protocols
  }

  /** Alternating names and values of the fields that the gate adds to the request. */
  get fields(): string[] {
    const fields = ['upgrade', 'websocket', 'sec-websocket-version', '13', 'sec-websocket-key', this.#key]
    if (this.#protocols.length > 0) fields.push('sec-websocket-protocol', this.#protocols.join(', '))
    return fields
  }

  /**
   * Validates a 101 reply. Call this method before the head of another reply is parsed.
   *
   * @returns the subprotocol that the service selected; `''` when it selected none
   * @throws {MalformedReply} for a reply that RFC 6455 §4.1 tells a client to reject
   */
  check(head: ReplyHead): string {
    const fields = fieldsOf(head)
    if (fields.upgrade.length !== 1 || fields.upgrade[0]!.toLowerCase() !== 'websocket') {
      throw new MalformedReply('the reply with status 101 has no field `Upgrade: websocket`')
    }
    if (!fields.connection.some((value) => listed(value, 'upgrade'))) {
      throw new MalformedReply('the reply with status 101 has no field `Connection: Upgrade`')
    }
    const accept = createHash('sha1').update(`${this.#key}${GUID}`).digest('base64')
    if (fields.accept.length !== 1 || fields.accept[0] !== accept) {
      throw new MalformedReply('the reply with status 101 has a wrong `Sec-WebSocket-Accept`')
    }
    if (fields.extensions.some((value) => value !== '')) {
      throw new MalformedReply('the reply with status 101 selects a WebSocket extension that the gate did not offer')
    }
    if (fields.protocol.length === 0) return ''
    const protocol = fields.protocol[0]!
    if (fields.protocol.length > 1 || !this.#protocols.includes(protocol)) {
      throw new MalformedReply('the reply with status 101 selects a subprotocol that the client did not offer')
    }
    return protocol
  }
}

const keyOf: Readonly<Record<string, keyof ReturnType<typeof fieldsOf>>> = {
  upgrade: 'upgrade',
  connection: 'connection',
  'sec-websocket-accept': 'accept',
  'sec-websocket-extensions': 'extensions',
  'sec-websocket-protocol': 'protocol',
}

function fieldsOf(head: ReplyHead) {
  const fields = { upgrade: [], connection: [], accept: [], extensions: [], protocol: [] } as Record<
    'upgrade' | 'connection' | 'accept' | 'extensions' | 'protocol',
    string[]
  >
  for (let i = 0; i < head.fieldCount; i++) {
    const key = keyOf[head.name(i)]
    if (key !== undefined) fields[key].push(head.value(i))
  }
  return fields
}

/** Whether a comma-separated list contains a token, ignoring case. */
function listed(value: string, token: string): boolean {
  return value.split(',').some((each) => each.trim().toLowerCase() === token)
}
