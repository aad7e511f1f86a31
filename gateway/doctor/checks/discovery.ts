import { discover } from '../../issuers/discovery.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { ok } from '../finding.ts'
import { issuersIn } from '../issuers-in.ts'

/** Checks that the metadata of each issuer can be fetched, and names the same issuer (RFC 8414 §3.3). */
export const discovery: DoctorCheck = {
  name: 'discovery',
  remedy:
    'check that issuers.NAME.issuer in the policy is the URL of the issuer, and check DNS, TLS and the network path from this machine to the issuer',
  tasks: ({ snapshot, issuers }) =>
    issuersIn(snapshot).map((rules) => ({
      subject: `issuer ${rules.name}`,
      async run(signal) {
        await discover(issuers, rules, signal)
        return ok(`metadata of ${rules.issuer} found`)
      },
    })),
}
