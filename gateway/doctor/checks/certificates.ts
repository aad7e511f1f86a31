import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import type { Certificate } from '../../config/certificates.ts'
import { settingsExpiries } from '../../config/settings-expiries.ts'
import { pemCertificates } from '../../x509/pem-certificates.ts'
import type { DoctorCheck, DoctorTask, Examined } from '../doctor-check.ts'
import { expiryOutcome } from '../expiry-outcome.ts'
import { failedCheck, type Outcome, ok, unknown } from '../finding.ts'

/** Checks the chain and the end of the certificates of the listeners, and the ends of secrets, keys and client certificates. */
export const certificates: DoctorCheck = {
  name: 'certificate',
  remedy: 'check that the node can read the file',
  tasks: (examined) => [...listenerTasks(examined), ...expiryTasks(examined)],
}

function listenerTasks({ loaded }: Examined): DoctorTask[] {
  return loaded.settings.certificates.flatMap((certificate) => [
    { subject: certificate.certFile, run: () => validity(certificate) },
    { subject: `${certificate.certFile} chain`, run: () => chainOutcome(certificate.certFile) },
  ])
}

function validity({ validFromMs, validUntilMs, names }: Certificate): Outcome {
  if (validFromMs > Date.now()) {
    return failedCheck(
      `not valid before ${new Date(validFromMs).toISOString()}`,
      'check the clock of this machine, or replace the certificate',
    )
  }
  return expiryOutcome(
    `the certificate for ${names.join(', ')}`,
    validUntilMs,
    'renew the certificate and replace its files',
  )
}

/**
 * Checks that each certificate of a certificate file is issued by the next one, the last one by a known authority, and
 * that no certificate after the first has ended or ends soon. `validity` checks the first one.
 */
function chainOutcome(file: string): Outcome {
  const chain = pemCertificates(readFileSync(file, 'utf8'))
  const broken = chain.findIndex((each, i) => i + 1 < chain.length && !isIssuedBy(each, chain[i + 1]!))
  if (broken !== -1) {
    return failedCheck(
      `certificate ${broken + 1} of the file is not issued by certificate ${broken + 2}`,
      'put the certificate of the server first, and then each intermediate certificate after the one that it issued',
    )
  }
  for (const [i, { validToDate }] of chain.entries()) {
    const remedy = 'replace this certificate in the file; its authority publishes the newer one'
    const outcome =
      i === 0 ? undefined : expiryOutcome(`certificate ${i + 1} of the file`, validToDate.getTime(), remedy)
    if (outcome?.result === 'failed') return outcome
  }
  const last = chain.at(-1)!
  if (isIssuedBy(last, last)) return ok(`complete, up to its own root (${chain.length})`)
  if (rootCertificates.some((root) => isIssuedBy(last, new X509Certificate(root))))
    return ok(`complete, up to a public authority (${chain.length})`)
  return unknown(
    'the last certificate of the file is not issued by a public authority',
    'clients must trust its issuer; if the issuer is an intermediate, append its certificate to the file',
  )
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** Client certificates and secrets that end at a known time: Redis, sinks, issuers. */
function expiryTasks({ loaded, secrets, snapshot }: Examined): DoctorTask[] {
  const ends = [...settingsExpiries(loaded), ...(snapshot?.secretExpiries ?? []), ...secrets.expiries()]
  return ends.map(({ kind, name, expiresAtMs }) => ({
    subject: `${kind} ${name}`,
    run: () =>
      expiryOutcome(name, expiresAtMs, 'replace it before this time; `gatehouse expiry` lists what a node uses'),
  }))
}
