import { readFileSync } from 'node:fs'
import { CertificateAuthority } from '../kit/certificate-authority.ts'
import { ClientCa } from '../kit/client-ca.ts'
import { statusOver } from '../kit/tls-client.ts'
import { until } from '../kit/until.ts'
import { type FirstCertificates, type RotatingCluster, type RotationLoad, serialOf } from './rotating-cluster.ts'

/**
 * One rotation under load. Resolves when the peers of the gate see only the new value.
 *
 * @throws {Error} when a peer does not see the new value, or sees the old one afterwards
 */
export type Rotation = (load: RotationLoad) => Promise<void>

/** The rotations of a cluster by their name. Each may run several times, one after the other. */
export function rotationsOf(cluster: RotatingCluster, first: FirstCertificates): Readonly<Record<string, Rotation>> {
  let count = 0
  return {
    'client secret': (load) => rotateSecret(cluster, load, ++count),
    'client certificate towards a service': (load) => rotateClientCertificate(cluster, load, first),
    'CA of a service': (load) => rotateServiceCa(cluster, load, ++count),
    'certificate of the listener': (load) => rotateListener(cluster, load, first),
    'client CA of the listener': (load) => rotateClientCa(cluster, load, ++count),
    'assertion key': (load) => rotateAssertionKey(cluster, load, ++count),
    'encryption key': (load) => rotateEncryptionKey(cluster, load, ++count),
  }
}

/** In every second round the file changes first: the gate then presents a secret that the issuer does not know yet. */
async function rotateSecret(cluster: RotatingCluster, load: RotationLoad, count: number): Promise<void> {
  const { issuer } = cluster
  const [old, next] = [issuer.accepted[0]!, `secret-${count}`]
  const changes = () => cluster.worker.log.filter(({ msg }) => msg === 'secret changed; the new value is in use').length
  const before = changes()
  const change = () =>
    cluster.onEveryNode('secret changed; the new value is in use', () => cluster.put(next, 'client-secret'))
  if (count % 2 === 0) await change()
  await load.cycle()
  issuer.accepted = [old, next]
  if (count % 2 !== 0) await change()
  await until('the worker has read the new secret', () => changes() > before)
  issuer.accepted = [next]
  issuer.seen.clear()
  await until(
    'the new secret at both endpoints of the issuer',
    () => issuer.seen.has(`introspection ${next}`) && issuer.seen.has(`token ${next}`),
  )
  await load.cycle()
}

async function rotateClientCertificate(
  cluster: RotatingCluster,
  load: RotationLoad,
  { gate }: FirstCertificates,
): Promise<void> {
  const next = await gate.issue({ names: ['gate'], use: 'clientAuth' })
  await cluster.onEveryNode('TLS files of services reloaded', () => cluster.putPair('gate', next))
  await load.cycle()
  cluster.seen.forget()
  await load.cycle()
  only('client certificate at the service', cluster.seen.client, serialOf(next))
}

/** The file has both authorities while the service changes its certificate. Then the old authority is removed. */
async function rotateServiceCa(cluster: RotatingCluster, load: RotationLoad, count: number): Promise<void> {
  const next = await CertificateAuthority.create(`services ${count}`)
  const read = (text: string) =>
    cluster.onEveryNode('TLS files of services reloaded', () => cluster.put(text, 'services.pem'))
  await read(`${readFileSync(cluster.at('services.pem'), 'utf8')}${next.cert}`)
  await load.cycle()
  cluster.useServiceCertificate(await next.issue({ names: ['localhost'], use: 'serverAuth' }), `S${count}`)
  await read(next.cert)
  await load.cycle()
  cluster.seen.forget()
  await load.cycle()
  only('certificate of the service', cluster.seen.service, `S${count}`)
}

async function rotateListener(cluster: RotatingCluster, load: RotationLoad, { api }: FirstCertificates): Promise<void> {
  const next = await api.issue({ names: ['api.example'] })
  await cluster.onEveryNode('certificates reloaded', () => cluster.putPair('api', next))
  await load.cycle()
  cluster.seen.forget()
  await load.cycle()
  only('certificate of the listener', cluster.seen.listener, serialOf(next))
}

/** Clients get certificates of the new CA before the old one is removed. */
async function rotateClientCa(cluster: RotatingCluster, load: RotationLoad, count: number): Promise<void> {
  const old = load.identity
  const ca = await ClientCa.create(`mesh ${count}`)
  const read = (text: string) =>
    cluster.onEveryNode('client CAs and revocation lists reloaded', () => cluster.put(text, 'mesh.pem'))
  await read(`${readFileSync(cluster.at('mesh.pem'), 'utf8')}${ca.cert}`)
  await load.cycle()
  load.identity = await ca.issue({ dns: ['client'] })
  await load.cycle()
  await read(ca.cert)
  await load.cycle()
  for (const { port } of cluster.nodes) {
    const status = await statusOver({ port, cert: old.cert, key: old.key }, '/mesh/1')
    if (status !== 'refused') throw new Error(`a certificate of the removed CA got ${status}`)
  }
}

async function rotateAssertionKey(cluster: RotatingCluster, load: RotationLoad, count: number): Promise<void> {
  await rotateKey(cluster, load, 'assertion', `k${count}`, '--overlap', '1s')
  cluster.seen.forget()
  await load.cycle()
  only('key of the assertions', cluster.seen.assertion, `k${count}`)
}

async function rotateEncryptionKey(cluster: RotatingCluster, load: RotationLoad, count: number): Promise<void> {
  const id = `k${count}`
  await rotateKey(cluster, load, 'encryption', id)
  // Ciphertext begins with a version byte, the length of the key id, and the key id.
  const mark = `\u0001${String.fromCharCode(id.length)}${id}`
  for (const pattern of ['gh:{i*', 'gh:{g:*']) {
    await until(`data of ${pattern} under the new key`, async () => (await cluster.stored(pattern)).includes(mark))
  }
}

async function rotateKey(
  cluster: RotatingCluster,
  load: RotationLoad,
  kind: 'assertion' | 'encryption',
  id: string,
  ...words: string[]
): Promise<void> {
  await load.cycle()
  cluster.putKey(kind, id)
  const listed = async (wanted: (key: ListedKey) => boolean) => {
    const { stdout } = await cluster.verb('keys', 'list')
    const { keys } = JSON.parse(stdout) as { keys: ListedKey[] }
    return keys.some((key) => key.kind === kind && key.id === id && wanted(key))
  }
  await until(`${id} is listed`, () => listed(() => true))
  const { exitCode, stderr } = await cluster.verb('keys', 'rotate', kind, '--to', id, '--timeout', '60s', ...words)
  if (exitCode !== 0) throw new Error(`keys rotate ${kind} ended with ${exitCode}: ${stderr}`)
  const writers = ['node n1', 'node n2', 'node n3', ...(kind === 'encryption' ? ['worker w1'] : [])]
  await until(`every process writes with ${id}`, () => listed(({ written_by }) => written_by.join() === writers.join()))
  await load.cycle()
}

interface ListedKey {
  readonly kind: string
  readonly id: string
  readonly written_by: readonly string[]
}

function only(what: string, seen: ReadonlySet<string>, wanted: string): void {
  if (seen.size !== 1 || !seen.has(wanted)) throw new Error(`${what}: seen ${[...seen].join(', ')}, wanted ${wanted}`)
}
