import { type AddressBlock, BlockSet } from '../../base/address-blocks.ts'

/** The trusted proxies, and how they state client addresses. */
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
    /** Peers that may request forward-auth checks. */
    checkPeers: readonly AddressBlock[]
  }) {
    this.clientAddress = options.clientAddress
    this.proxyProtocol = options.proxyProtocol
    this.#all = new BlockSet(options.proxies.map(({ block }) => block))
    this.#tcp = new BlockSet(options.proxies.filter(({ mode }) => mode === 'tcp').map(({ block }) => block))
    this.#checkPeers = new BlockSet(options.checkPeers)
  }

  /** @param address  IPv4-mapped addresses must already be converted to IPv4 */
  lists(address: Uint8Array): boolean {
    return this.#all.holds(address)
  }

  mayCheck(address: Uint8Array): boolean {
    return this.#checkPeers.holds(address)
  }

  passesTcp(address: Uint8Array): boolean {
    return this.#tcp.holds(address)
  }
}
