import { createHash, type KeyObject, verify } from 'node:crypto'
import { type DerElement, DerReader, derTags, derTime, readExtensions, serialText } from './der.ts'

/** A parsed certificate revocation list (RFC 5280 §5). The signature of the list is not verified yet. */
export interface RevocationList {
  /** Name of the CA that issued the list, in DER. */
  readonly issuer: Buffer
  /**
   * Time at which the CA issues a newer list at the latest, ms since the epoch. This list must not be used after that
   * time.
   */
  readonly nextUpdateMs: number
  /** Serial numbers of the revoked certificates. */
  readonly revoked: ReadonlySet<string>
  /** SHA-256 hash of the revocation list, in hexadecimal. */
  readonly fingerprint: string
  /** Whether this revocation list was signed with the given key. */
  signedBy(key: KeyObject): boolean
}

/** Hash and key type of each supported signature algorithm, by its object identifier in hexadecimal. */
const algorithms: Readonly<Record<string, { readonly hash: string | null; readonly key: string }>> = {
  '2a864886f70d01010b': { hash: 'sha256', key: 'rsa' },
  '2a864886f70d01010c': { hash: 'sha384', key: 'rsa' },
  '2a864886f70d01010d': { hash: 'sha512', key: 'rsa' },
  '2a8648ce3d040302': { hash: 'sha256', key: 'ec' },
  '2a8648ce3d040303': { hash: 'sha384', key: 'ec' },
  '2a8648ce3d040304': { hash: 'sha512', key: 'ec' },
  '2b6570': { hash: null, key: 'ed25519' },
  '2b6571': { hash: null, key: 'ed448' },
}

/**
 * Parses a revocation list in DER.
 *
 * A list with a critical extension is rejected (RFC 5280 §5.2): delta lists, and lists that cover only a part of the
 * certificates of a CA. Such a list cannot show that a certificate is not revoked.
 *
 * @throws {Error} that states why the list cannot be used, without the name of its file
 */
export function parseRevocationList(der: Buffer): RevocationList {
  const outer = new DerReader(der)
  const list = new DerReader(outer.next(derTags.sequence).content)
  if (!outer.done) throw new Error('the revocation list is followed by other bytes')
  const signed = list.next(derTags.sequence)
  const algorithm = list.next(derTags.sequence)
  const signature = list.next(derTags.bitString).content
  const body = new DerReader(signed.content)
  body.optional(derTags.integer)
  if (!body.next(derTags.sequence).whole.equals(algorithm.whole)) {
    throw new Error('the revocation list names two different signature algorithms')
  }
  const issuer = body.next(derTags.sequence).whole
  derTime(body.next())
  const { tag } = body
  if (tag !== derTags.utcTime && tag !== derTags.generalizedTime)
    throw new Error('the revocation list has no nextUpdate (RFC 5280 §5.1.2.5)')
  const nextUpdateMs = derTime(body.next())
  const revoked = serialsIn(body.optional(derTags.sequence))
  const extensions = body.optional(0xa0)
  if (extensions !== undefined) refuseCritical(new DerReader(extensions.content).next(derTags.sequence).content)
  const signedBy = verifierOf(signed.whole, algorithm, signature)
  const fingerprint = createHash('sha256').update(der).digest('hex')
  return { issuer, nextUpdateMs, revoked, fingerprint, signedBy }
}

function serialsIn(entries: DerElement | undefined): ReadonlySet<string> {
  const serials = new Set<string>()
  if (entries === undefined) return serials
  const list = new DerReader(entries.content)
  while (!list.done) {
    const entry = new DerReader(list.next(derTags.sequence).content)
    serials.add(serialText(entry.next(derTags.integer)))
    derTime(entry.next())
    const extensions = entry.optional(derTags.sequence)
    if (extensions !== undefined) refuseCritical(extensions.content)
  }
  return serials
}

function refuseCritical(extensions: Buffer): void {
  if (readExtensions(extensions).some(({ critical }) => critical)) {
    throw new Error(
      'the revocation list has a critical extension: use a complete list, because delta, indirect and partitioned lists are not supported',
    )
  }
}

function verifierOf(signed: Buffer, algorithm: DerElement, signature: Buffer): (key: KeyObject) => boolean {
  const id = new DerReader(algorithm.content).next(derTags.objectId).content.toString('hex')
  const known = Object.hasOwn(algorithms, id) ? algorithms[id] : undefined
  if (known === undefined) throw new Error('the revocation list has a signature algorithm that is not supported')
  // In a DER bit string, the first byte is the number of unused bits.
  if (signature[0] !== 0) throw new Error('the revocation list has a malformed signature')
  return (key) => key.asymmetricKeyType === known.key && verify(known.hash, signed, key, signature.subarray(1))
}
