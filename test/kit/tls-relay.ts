import { connect, createServer, type Socket } from 'node:net'
import { createSecureContext, getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

let certificate: Promise<{ readonly cert: string; readonly key: string }> | undefined

/** A certificate for `localhost` that this process trusts. */
async function trustedCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  setDefaultCACertificates([...getCACertificates('default'), cert])
  return { cert, key }
}

/**
 * Starts a TLS server that relays each connection to a plain server, byte by byte. A FIN or a reset of one side reaches
 * the other side.
 *
 * @param url  URL of the plain server
 * @returns the `https` URL of the TLS server; only this process trusts its certificate
 */
export async function tlsInFrontOf(url: string): Promise<string> {
  certificate ??= trustedCertificate()
  const secureContext = createSecureContext(await certificate)
  const { port, hostname } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (raw) => {
    const front = new TLSSocket(raw, { isServer: true, secureContext })
    const back = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
    for (const socket of [raw, back]) sockets.add(socket)
    front.pipe(back)
    back.pipe(front)
    const reset = () => {
      raw.resetAndDestroy()
      back.resetAndDestroy()
    }
    for (const socket of [raw, front, back]) socket.on('error', reset)
    front.on('close', () => back.end())
  })
  const secure = await listen(server)
  atEnd(async () => {
    const closed = new Promise((done) => server.close(done))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return `https://localhost:${secure}`
}
