import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { atEnd } from './cleanup.ts'

const typeA = 1
const headerBytes = 12
/** Flags of the DNS header: response, authoritative answer, recursion desired and available, no error. */
const flags = 0x8580

/** A DNS server on loopback that returns the IPv4 addresses in `addresses` for every name. */
export class TestNameServer {
  addresses: readonly string[] = []
  port = 0
  readonly #socket: Socket = createSocket('udp4')

  async start(): Promise<void> {
    this.#socket.on('message', (query, from) => this.#answer(query, from))
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
    this.port = this.#socket.address().port
  }

  stop(): void {
    this.#socket.close()
  }

  /** Replies with the question and one A record with a TTL of 1 s for each address (RFC 1035 §4.1). */
  #answer(query: Buffer, from: RemoteInfo): void {
    const end = query.indexOf(0, headerBytes) + 5
    const question = query.subarray(headerBytes, end)
    const addresses = question.readUInt16BE(question.length - 4) === typeA ? this.addresses : []
    const header = Buffer.alloc(headerBytes)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(flags, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(addresses.length, 6)
    const answers = addresses.map((address) =>
      Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]),
    )
    this.#socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address)
  }
}

/** Starts a DNS server, which stops after the last test of the file. */
export async function startNameServer(): Promise<TestNameServer> {
  const server = new TestNameServer()
  await server.start()
  atEnd(() => server.stop())
  return server
}
