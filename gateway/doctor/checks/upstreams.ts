import { connect } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import type { LoadedSettings } from '../../config/settings.ts'
import type { ServicePolicy } from '../../policy/snapshot.ts'
import { nameResolver } from '../../upstream/names/name-resolver.ts'
import { handshakeFault } from '../../upstream/tls/handshake-fault.ts'
import { type SeenCertificate, seenCertificate } from '../../upstream/tls/seen-certificate.ts'
import { defaultTlsMaterial, readTlsMaterial, type TlsMaterial } from '../../upstream/tls/tls-material.ts'
import { tlsOptions } from '../../upstream/tls/tls-options.ts'
import { upstreamAddress, upstreamHost } from '../../upstream/upstream-address.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { expiryOutcome } from '../expiry-outcome.ts'
import { type Outcome, ok } from '../finding.ts'
import { perAddress } from '../per-address.ts'

const remedy = 'check services.NAME.upstreams in the policy, that the service runs, and the way from this machine to it'

/** Checks that each address of each upstream accepts a connection, with the TLS settings of its service. Sends no request. */
export const upstreams: DoctorCheck = {
  name: 'upstream',
  remedy,
  tasks: ({ snapshot, loaded }) =>
    (snapshot?.services ?? []).flatMap((service) =>
      service.upstreams.map((origin) => ({
        subject: `${service.id} ${origin.origin}`,
        run: (signal) => perAddress(origin, loaded, remedy, (peer) => open(service, origin, peer, loaded, signal)),
      })),
    ),
}

/** Reads the TLS material for connections to an upstream; `undefined` for an upstream without TLS. */
export function upstreamMaterial(
  { upstreamTls }: ServicePolicy,
  { protocol }: URL,
  env: NodeJS.ProcessEnv,
): TlsMaterial | undefined {
  if (protocol !== 'https:') return undefined
  return upstreamTls === undefined ? defaultTlsMaterial() : readTlsMaterial(upstreamTls, env)
}

function open(
  service: ServicePolicy,
  origin: URL,
  peer: string | undefined,
  loaded: LoadedSettings,
  signal: AbortSignal,
): Promise<Outcome> {
  const address = upstreamAddress(origin, peer, nameResolver(loaded.settings.upstreamDns.servers).lookup)
  const material = upstreamMaterial(service, origin, loaded.sources.env)
  const protocol = service.protocol === 'http1' ? 'http/1.1' : 'h2'
  const socket =
    material === undefined
      ? connect(address)
      : connectTls({ ...address, ...tlsOptions(upstreamHost(origin), material, protocol) })
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
  let certificate: SeenCertificate | undefined
  signal.addEventListener('abort', () => socket.destroy(new Error('the upstream accepted no connection in time')), {
    once: true,
  })
  if (socket instanceof TLSSocket)
    socket.prependListener('secure', () => {
      certificate = seenCertificate(socket)
    })
  socket.once(material === undefined ? 'connect' : 'secureConnect', () => {
    const text = material === undefined ? 'accepts connections' : 'accepts TLS connections'
    resolve(
      certificate === undefined
        ? ok(text)
        : expiryOutcome(`${text}, certificate`, certificate.validUntilMs, 'renew the certificate of the upstream'),
    )
    socket.destroy()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const authorizationError = socket instanceof TLSSocket ? socket.authorizationError : undefined
    reject(
      handshakeFault({ origin: origin.origin, error, authorizationError, peer: certificate, open: false }) ?? error,
    )
  })
  return promise
}
