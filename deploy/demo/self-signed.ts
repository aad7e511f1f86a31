import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** A certificate and its private key, in PEM. */
export interface SelfSigned {
  readonly certificate: string
  readonly key: string
}

const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific tags of a certificate (RFC 5280 §4.1) and of a subject alternative name (§4.2.1.6). */
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const

/** Object identifiers in DER. */
const objectId = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  subjectAltName: '551d11',
} as const

const DAY_MS = 86_400_000
const LIFE_MS = 90 * DAY_MS

/**
 * Creates a self-signed certificate on P-256 (RFC 5280), valid for 90 days. The demo needs this code, because openssl
 * may be missing and Node.js cannot create certificates.
 *
 * @param names  DNS names and IPv4 addresses for `subjectAltName`; the first one is also the common name
 */
export function selfSigned(names: readonly [string, ...string[]]): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(identifier('ecdsaWithSha256'))
  const name = sequence(der(tag.set, sequence(identifier('commonName'), der(tag.utf8, Buffer.from(names[0])))))
  const altNames = sequence(identifier('subjectAltName'), der(tag.octetString, sequence(...names.map(generalName))))
  const now = Date.now()
  const body = sequence(
    der(tag.version, der(tag.integer, Buffer.of(2))),
    // The first byte keeps the serial number positive and of fixed length.
    der(tag.integer, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    name,
    sequence(utcTime(now - DAY_MS), utcTime(now + LIFE_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(tag.extensions, sequence(altNames)),
  )
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', body, privateKey)])
  const whole = sequence(body, algorithm, der(tag.bitString, signature))
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines(whole.toString('base64'))}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(tag.sequence, ...parts)
const identifier = (name: keyof typeof objectId): Buffer => der(tag.objectId, Buffer.from(objectId[name], 'hex'))
const lines = (base64: string): string => base64.match(/.{1,64}/g)!.join('\n')

/** Encodes an element in DER (X.690 §8.1, §10.1). */
function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.of(type, content.length), content])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(content.length)
  const shortest = content.length < 0x100 ? length.subarray(1) : length
  return Buffer.concat([Buffer.of(type, 0x80 + shortest.length), shortest, content])
}

/** Encodes a time before 2050 (RFC 5280 §4.1.2.5.1). */
function utcTime(timeMs: number): Buffer {
  const digits = new Date(timeMs).toISOString().replaceAll(/\D/g, '').slice(2, 14)
  return der(tag.utcTime, Buffer.from(`${digits}Z`))
}

function generalName(name: string): Buffer {
  if (isIPv4(name)) return der(tag.ipAddress, Buffer.from(name.split('.').map(Number)))
  return der(tag.dnsName, Buffer.from(name))
}
