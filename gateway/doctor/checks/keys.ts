import { discoverKeySetUrl } from '../../issuers/discovery.ts'
import { PublishedKeySet } from '../../issuers/published-key-set.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { failedCheck, ok } from '../finding.ts'
import { issuersIn } from '../issuers-in.ts'

/** Maximum number of characters of a key id that are shown. The issuer chooses the id. */
const KEY_ID_MAX = 64

/** Checks that each issuer publishes keys that the gate can use (RFC 7517 §5). */
export const keys: DoctorCheck = {
  name: 'keys',
  remedy: 'check that the issuer publishes its keys at jwks_uri, or set issuers.NAME.jwks_uri in the policy',
  tasks: ({ snapshot, issuers }) =>
    issuersIn(snapshot)
      .filter(({ tokens, introspection }) => tokens !== 'opaque' || introspection?.response === 'jwt')
      .map((rules) => ({
        subject: `issuer ${rules.name}`,
        async run(signal) {
          const url = await discoverKeySetUrl(issuers, rules, signal)
          const document = await issuers.getJson(url, signal)
          const { keys: usable, ignored } = await PublishedKeySet.read(document, rules.algorithms)
          const newest = usable.at(-1)?.keyId?.slice(0, KEY_ID_MAX)
          if (usable.length === 0) {
            const [first] = ignored
            const why =
              first === undefined ? 'the key set is empty' : `the gate ignores all ${ignored.length} keys: ${first.why}`
            return failedCheck(
              why,
              `compare issuers.${rules.name}.algorithms in the policy with the keys of the issuer`,
            )
          }
          const others = ignored.length === 0 ? '' : `, ${ignored.length} ignored`
          return ok(`${usable.length} usable, last kid ${newest ?? 'not set'}${others}`)
        },
      })),
}
