import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { OptionTold } from './option-rule.ts'
import { claimIsOneOf, type ProxyDraft } from './proxy-draft.ts'
import { firstValue, type ProxyOption } from './proxy-option.ts'

/** A requirement that no user meets. It keeps a route closed until the operator has replaced it. */
const closed = { email: { domain: ['none.invalid'] } }

/** Imports the oauth2-proxy option `email_domains`. */
export function readEmailDomains({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  if (values.includes('*')) {
    draft.emails = 'all'
    return ['mapped', 'every user of the issuer is admitted']
  }
  if (draft.emails === 'all') return ['not needed', 'every user of the issuer is admitted']
  const exact = values.filter((value) => /^[0-9A-Za-z]/.test(value))
  const claim = draft.value('oidc_email_claim', 'email')
  const known = claim === 'email' && exact.length > 0
  draft.emails = [...(draft.emails ?? []), known ? { email: { domain: exact } } : closed]
  if (claim !== 'email') {
    return [
      'no equivalent',
      `the gate reads the address from the claim email, not from ${claim}; until the issuer states it there no user is admitted`,
    ]
  }
  if (exact.length < values.length) {
    return ['no equivalent', 'a domain does not admit its subdomains: list each of them under email.domain']
  }
  return draft.value('provider', 'google') === 'google' ? ['mapped', 'a requirement on email'] : ['decide', unverified]
}

const unverified =
  'a requirement on email: email_verified must be true. Add verified: issuer only if the issuer verifies every address and does not send the claim'

/**
 * Imports the addresses in the file that the oauth2-proxy option `authenticated_emails_file` names: an absolute path,
 * or relative to the config file.
 */
export function readEmailFile(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const claim = draft.value('oidc_email_claim', 'email')
  const path = resolve(dirname(option.place.file ?? '.'), firstValue(option))
  const emails = linesOf(path)
  if (draft.emails === 'all') return ['not needed', 'every user of the issuer is admitted']
  const wanted = claim === 'email' ? { email: { addresses: { file: path } } } : claimIsOneOf(claim, emails ?? [])
  draft.emails = [...(draft.emails ?? []), emails === undefined ? closed : wanted]
  if (emails === undefined) {
    return [
      'no equivalent',
      `${path} cannot be read: name the file under email.addresses; until then no user is admitted`,
    ]
  }
  if (claim !== 'email') return ['mapped', `a requirement on the claim ${claim}, with ${emails.length} addresses`]
  return ['decide', `${unverified}; the gate follows changes of the file, which has ${emails.length} addresses`]
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
