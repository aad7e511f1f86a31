import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { atEnd } from './cleanup.ts'

const typeA = 1
const typeAaaa = 28
const headerBytes = 12
/** Flags of the DNS header: response, authoritative answer, recursion desired and available, no error. */
const flags = 0x8580
/** Response codes (RFC 1035 §4.1.1). */
const codes = { answers: 0, fails: 2, 'has no name': 3 } as const

/** Kind of the replies of a name server. */
export type NameReplies = keyof typeof codes

/** A DNS server on loopback that returns the addresses in `addresses` for every name. */
export class TestNameServer {
  addresses: readonly string[] = []
  /** Time for which a reply is valid, s. */
  ttlS = 1
  /** Kind of the replies; `fails`: SERVFAIL, `has no name`: NXDOMAIN. */
  mode: NameReplies = 'answers'
  /** Kind of the replies to queries for IPv6 addresses; `undefined`: as `mode`. */
  ipv6Mode: NameReplies | undefined
  /** Number of queries for IPv4 addresses. */
  queries = 0
  /** Time by which each reply is delayed, ms. */
  delayMs = 0
  /** Called for each query, before its reply is made. */
  onQuery: () => void = () => {}
  port = 0
  readonly #socket: Socket = createSocket('udp4')

  /** @param port  UDP port. Default: a free port */
  async start(port = 0): Promise<void> {
    this.#socket.on('message', (query, from) => {
      this.onQuery()
      if (this.delayMs === 0) this.#answer(query, from)
      else setTimeout(() => this.#answer(query, from), this.delayMs)
    })
    this.#socket.bind(port, '127.0.0.1')
    await once(this.#socket, 'listening')
    this.port = this.#socket.address().port
  }

  stop(): void {
    this.#socket.close()
  }

  /** Replies with the question and one A or AAAA record for each address (RFC 1035 §4.1, RFC 3596 §2). */
  #answer(query: Buffer, from: RemoteInfo): void {
    const end = query.indexOf(0, headerBytes) + 5
    const question = query.subarray(headerBytes, end)
    const type = question.readUInt16BE(question.length - 4)
    if (type === typeA) this.queries++
    const family = type === typeA ? 4 : type === typeAaaa ? 6 : 0
    const mode = (type === typeAaaa ? this.ipv6Mode : undefined) ?? this.mode
    const addresses = mode === 'answers' ? this.addresses.filter((address) => isIP(address) === family) : []
    const header = Buffer.alloc(headerBytes)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(flags | codes[mode], 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(addresses.length, 6)
    const records = addresses.map((address) =>
      this.#record(type, family === 4 ? ipv4Bytes(address) : ipv6Bytes(address)),
    )
    this.#socket.send(Buffer.concat([header, question, ...records]), from.port, from.address)
  }

  /** Returns a record whose name is that of the question. */
  #record(type: number, data: Buffer): Buffer {
    const head = Buffer.from([0xc0, headerBytes, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length])
    head.writeUInt32BE(this.ttlS, 6)
    return Buffer.concat([head, data])
  }
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number))
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::')
  const [first, last] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''))
  const groups = [...first!, ...new Array<string>(8 - first!.length - last!.length).fill('0'), ...last!]
  return Buffer.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
}

/** Starts a DNS server, which stops after the last test of the file. */
export async function startNameServer(): Promise<TestNameServer> {
  const server = new TestNameServer()
  await server.start()
  atEnd(() => server.stop())
  return server
}
