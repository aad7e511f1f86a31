import { type AddressBlock, BlockSet } from '../../base/address-blocks.ts'

/** The trusted proxies, and the header field in which they send the client address. */
export class Proxies {
  readonly clientAddress: 'x-forwarded-for' | 'forwarded'
  readonly proxyProtocol: 'off' | 'required'
  readonly #all: BlockSet
  readonly #tcp: BlockSet
  readonly #checkPeers: BlockSet

  constructor(options: {
    proxies: readonly { block: AddressBlock; mode: 'http' | 'tcp' }[]
    clientAddress: 'x-forwarded-for' | 'forwarded'
    proxyProtocol: 'off' | 'required'
    /** Addresses of proxies that are allowed to request forward-auth checks. */
    checkPeers: readonly AddressBlock[]
  }) {
    this.clientAddress = options.clientAddress
    this.proxyProtocol = options.proxyProtocol
    this.#all = new BlockSet(options.proxies.map(({ block }) => block))
    this.#tcp = new BlockSet(options.proxies.filter(({ mode }) => mode === 'tcp').map(({ block }) => block))
    this.#checkPeers = new BlockSet(options.checkPeers)
  }

  /**
   * Whether the address is a trusted proxy.
   *
   * @param address  4 or 16 bytes; an IPv4-mapped address must already be converted to IPv4
   */
  lists(address: Uint8Array): boolean {
    return this.#all.holds(address)
  }

  mayCheck(address: Uint8Array): boolean {
    return this.#checkPeers.holds(address)
  }

  /**
   * Whether a peer may state a request on behalf of a client: it may request forward-auth checks, and is not a TCP
   * proxy, which passes on bytes that clients wrote.
   */
  mayCallAuthorization(address: Uint8Array): boolean {
    return this.mayCheck(address) && !this.passesTcp(address)
  }

  passesTcp(address: Uint8Array): boolean {
    return this.#tcp.holds(address)
  }
}
