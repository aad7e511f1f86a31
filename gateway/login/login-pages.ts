import type { Reason } from '../base/reasons.ts'
import type { PageContent, PageLink } from '../pages/page-content.ts'
import { type LoginFaultReason, type LoginReply, type LoginReplyReason, settingCookies, unkept } from './login-reply.ts'

interface PageOptions extends PageContent {
  readonly reason: LoginReplyReason
  readonly status: number
  readonly cookies?: readonly string[]
}

/** Reasons for a failed login. Each has its own error page. */
export type LoginFailure = Extract<
  Reason,
  | 'login-unknown'
  | 'login-foreign'
  | 'login-reply-malformed'
  | 'login-denied'
  | 'login-unproven'
  | 'login-misconfigured'
  | 'login-insufficient'
  | 'login-token-unusable'
  | 'login-too-large'
  | 'login-logged-out'
  | 'login-host-refused'
>

const failures: Readonly<Record<LoginFailure, readonly [status: number, title: string, ...says: string[]]>> = {
  'login-unknown': [
    400,
    'This login has ended',
    'It was already completed, or it took more than 15 minutes. Nothing was changed.',
  ],
  'login-foreign': [
    400,
    'This login was started elsewhere',
    'It belongs to another browser, or this browser blocks cookies. You were not logged in.',
  ],
  'login-reply-malformed': [400, 'Invalid login reply', 'A part of the address is missing or occurs twice.'],
  'login-denied': [403, 'You were not logged in', 'The login service reported:'],
  'login-unproven': [
    403,
    'You were not logged in',
    'The reply of the login service could not be verified. If this happens again, contact the operator of this site.',
  ],
  'login-misconfigured': [
    503,
    'Logging in does not work here',
    'The login service rejects this site for every user. A new login would fail too, until the operator of this site has changed its configuration.',
  ],
  'login-insufficient': [
    403,
    'This page needs a stronger login',
    'The login service did not perform the login that this page requires. Your previous login is still valid.',
  ],
  'login-logged-out': [
    403,
    'You were logged out',
    'The login service logged you out after this login started. You were not logged in here.',
  ],
  'login-host-refused': [
    403,
    'No login at this host',
    'The policy of this site does not allow logins at this host. Contact the operator of this site.',
  ],
  'login-token-unusable': [
    403,
    'You were not logged in',
    'The login service issued an access token that cannot be used here. Contact the operator of this site.',
  ],
  'login-too-large': [
    403,
    'You were not logged in',
    'The login service sent more data about you than can be stored. Contact the operator of this site.',
  ],
}

/**
 * Error page of a failed login.
 *
 * @param again  URL that starts a new login, for the page that the browser requested before the login
 */
export function failurePage(
  reason: LoginFailure,
  again: string,
  quoted: readonly string[] = [],
  cookies: readonly string[] = [],
): LoginReply {
  const [status, title, ...says] = failures[reason]
  const links = reason === 'login-misconfigured' ? [] : [{ href: again, text: 'Log in again' }]
  return page({ reason, status, title, says, quoted, links, cookies })
}

export function choicePage(links: readonly PageLink[]): LoginReply {
  return page({
    reason: 'login-choice',
    status: 200,
    title: 'Log in',
    says: ['Where do you want to log in?'],
    links,
  })
}

/**
 * Page that asks the user to confirm a login at another issuer, which ends the present session. Shown when another site
 * may have sent the browser to the login.
 */
export function confirmSwitchPage(present: string, next: PageLink, home: string): LoginReply {
  return page({
    reason: 'login-switch-asked',
    status: 200,
    title: `Log in at ${next.text}?`,
    says: [`You are logged in at ${present}. A login at ${next.text} ends that login here.`],
    links: [
      { href: next.href, text: `Log in at ${next.text}` },
      { href: home, text: `Stay logged in at ${present}` },
    ],
  })
}

/**
 * Page that asks the user to confirm the logout.
 *
 * @param leadsTo  origins to which the logout redirects the browser, such as that of the issuer
 */
export function confirmLogoutPage(leadsTo: readonly string[]): LoginReply {
  return page({
    reason: 'logout-asked',
    status: 200,
    title: 'Log out?',
    says: ['This browser is logged in here.'],
    button: 'Log out',
    leadsTo,
  })
}

/** @param home  URL of the start page; `undefined` if the host of the page has none, such as `login.host` */
export function loggedOutPage(home: string | undefined, cookies: readonly string[]): LoginReply {
  return page({
    reason: 'logged-out',
    status: 200,
    title: 'You are logged out',
    says: ['This browser is no longer logged in here.'],
    links: home === undefined ? [] : [{ href: home, text: 'Go to the start page' }],
    cookies,
  })
}

/** Error page with status 503 for a failure of the gate or the issuer. It offers a link for another try. */
export function troublePage(reason: LoginFaultReason, again: string): LoginReply {
  const reply = page({
    reason,
    status: 503,
    title: 'Temporarily unavailable',
    says: ['A service that is needed for this is unavailable. Nothing was changed. Try again in a moment.'],
    links: [{ href: again, text: 'Try again' }],
  })
  return { ...reply, fields: [...reply.fields, ['retry-after', '5']] }
}

/** Reply with an HTML page. The pipeline renders the page, with the appearance that the settings in force state. */
function page({ reason, status, cookies = [], ...content }: PageOptions): LoginReply {
  return { reason, status, fields: [...unkept, ...settingCookies(cookies)], body: '', page: content }
}
