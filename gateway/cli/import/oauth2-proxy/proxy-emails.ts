import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { OptionTold } from './option-rule.ts'
import { claimIsOneOf, type ProxyDraft } from './proxy-draft.ts'
import { firstValue, type ProxyOption } from './proxy-option.ts'

/** Claim in which Google states the domain of a Workspace account. */
const googleDomain = 'hd'
/** Claim that another issuer must add, because a policy compares whole claims and not the end of an address. */
const emailDomain = 'email_domain'

/** Reads `email_domains`. Until the issuer states the domain in a claim, no user meets the requirement. */
export function readEmailDomains({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  if (values.includes('*')) {
    draft.emails = 'all'
    return ['mapped', 'every user of the issuer is admitted']
  }
  if (draft.emails === 'all') return ['not needed', 'every user of the issuer is admitted']
  const claim = draft.value('provider', 'google') === 'google' ? googleDomain : emailDomain
  draft.emails = [...(draft.emails ?? []), claimIsOneOf(claim, values)]
  if (claim === googleDomain)
    return [
      'decide',
      'the requirement is on hd, the primary domain of an organization at Google Workspace; other domains of the organization have the same hd',
    ]
  const todo = `the gate compares whole claims. Let the issuer state the domain of the verified address in the claim ${emailDomain}; until then no user is admitted`
  return ['no equivalent', todo]
}

/** Reads the addresses in `authenticated_emails_file`, which is next to the config file or has an absolute path. */
export function readEmailFile(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const claim = draft.value('oidc_email_claim', 'email')
  const path = resolve(dirname(option.place.file ?? '.'), firstValue(option))
  const emails = linesOf(path)
  if (draft.emails === 'all') return ['not needed', 'every user of the issuer is admitted']
  // An address that no issuer states keeps the route closed when the file is missing.
  draft.emails = [...(draft.emails ?? []), claimIsOneOf(claim, emails ?? ['none@invalid'])]
  if (emails === undefined)
    return ['no equivalent', `${path} cannot be read: list its addresses in the policy; until then no user is admitted`]
  return ['mapped', `a requirement on the claim ${claim}, with ${emails.length} addresses`]
}

function linesOf(path: string): string[] | undefined {
  try {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.trim())
    const emails = lines.filter((line) => line !== '' && !line.startsWith('#'))
    return emails.length === 0 ? undefined : emails
  } catch {
    return undefined
  }
}
