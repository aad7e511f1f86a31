import { DerReader, derTags } from './der.ts'

/**
 * Names in the subject alternative names of a certificate (RFC 5280 §4.2.1.6), each list in the order of the
 * certificate. DNS names are in lower case.
 */
export interface SubjectNames {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  readonly emails: readonly string[]
  readonly addresses: readonly string[]
}

export const noNames: SubjectNames = Object.freeze({ uris: [], dns: [], emails: [], addresses: [] })

/** Tags of the kinds of subject alternative names that are read. Names of other kinds are ignored. */
const nameTags = { email: 0x81, dns: 0x82, uri: 0x86, address: 0x87 } as const

/** Maximum length of a name, bytes: the limit of a SPIFFE ID. Other names are shorter. */
const NAME_MAX = 2048

// Patterns of valid names, by kind. Names of two kinds can still be equal: `a:b@c.example` is valid as URI and as
// e-mail address, and a DNS name can have the form of an IPv4 address.
const uri = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/
const dnsName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/
const wildcard = /^\*\./
const email = /^[\x21-\x3f\x41-\x7e]{1,256}@[A-Za-z0-9.-]{1,253}$/

/**
 * Reads the value of the extension `subjectAltName`. Wildcard names are skipped, because they name no single subject.
 *
 * @throws {Error} when a name contains a byte that its kind does not allow, such as NUL
 */
export function readSubjectNames(value: Buffer): SubjectNames {
  const outer = new DerReader(value)
  const list = new DerReader(outer.next(derTags.sequence).content)
  if (!outer.done) throw invalidName()
  const names = { uris: [] as string[], dns: [] as string[], emails: [] as string[], addresses: [] as string[] }
  while (!list.done) {
    const { tag, content } = list.next()
    if (content.length > NAME_MAX) throw invalidName()
    // Decode as Latin-1, which keeps every byte, so that a byte above 0x7f does not match the patterns.
    const text = content.toString('latin1')
    if (tag === nameTags.uri) names.uris.push(matching(text, uri))
    else if (tag === nameTags.email) names.emails.push(matching(text, email))
    else if (tag === nameTags.address) names.addresses.push(addressOf(content))
    else if (tag === nameTags.dns && !wildcard.test(text)) names.dns.push(matching(text.toLowerCase(), dnsName))
  }
  return names
}

function matching(text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw invalidName()
  return text
}

/** Formats an IP address, IPv6 in its shortest form (RFC 5952). */
function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw invalidName()
  const groups = bytes.toString('hex').match(/.{4}/g)!
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function invalidName(): Error {
  return new Error('the certificate has an invalid subject alternative name')
}
