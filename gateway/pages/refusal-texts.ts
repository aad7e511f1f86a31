/** Text of the page for a refusal. It states no more than the status and the code of the problem document. */
export interface RefusalText {
  readonly title: string
  /** Why the gate refuses the request, as a sentence for the user. */
  readonly why: string
  /** Remedy for the user, as a sentence on the page. */
  readonly remedy: string
}

const text = (title: string, why: string, remedy: string): RefusalText => ({ title, why, remedy })

const again = 'Try again in a moment. If it happens again, report the request id below to the operator of this site.'
const malformed = 'Check the address. If you followed a link, report it to the operator of this site.'
const certificate = 'Choose a certificate that the operator of this site issued to you, or ask the operator for one.'

/** Texts by code of the problem document, where the code says more than the status. */
const byCode: Readonly<Record<string, RefusalText>> = {
  login_required: text(
    'You are not logged in',
    'This page is for logged-in users.',
    'Log in, then open the page again.',
  ),
  credential_required: text(
    'This page is for programs',
    'The address needs an access token, which browsers do not send when they open a page.',
    'Open the start page of the site, or use a program that sends an access token.',
  ),
  insufficient_user_authentication: text(
    'This page needs a stronger login',
    'It requires a more recent or a stronger login than yours.',
    'Log in again.',
  ),
  insufficient_scope: text(
    'You have no access to this page',
    'Your login lacks a permission (scope) that this page requires.',
    'If you need access, ask the operator of this site for the permission.',
  ),
  certificate_required: text('This page needs a certificate', 'Your browser sent no client certificate.', certificate),
  certificate_rejected: text(
    'Your certificate is not accepted',
    'This site does not accept the client certificate that your browser sent.',
    certificate,
  ),
  too_many_cookies: text(
    'Too many cookies',
    'Your browser sent more cookies than this site accepts.',
    'Delete the cookies of this site, then open the page again.',
  ),
  too_many_requests: text(
    'Too many failed attempts',
    'Too many failed or unfinished logins came from your network address. Others may share this address.',
    'Wait before you try again.',
  ),
  exchange_misconfigured: text(
    'This page does not work',
    'A setting of this site is wrong. Another attempt would fail too.',
    'Report the request id below to the operator of this site.',
  ),
}

/** Texts by status. A status without a text has the text of its class: 400 or 500. */
const byStatus: Readonly<Record<number, RefusalText>> = {
  400: text('Invalid request', 'The request has a form that this site does not accept.', malformed),
  401: text('You are not logged in', 'The request has no valid login or credential.', 'Log in, then try again.'),
  403: text(
    'You have no access to this page',
    'The rules of this site do not allow this request.',
    'If you need access, ask the operator of this site.',
  ),
  404: text('Page not found', 'This site has no page at this address.', 'Check the address for mistakes.'),
  405: text(
    'This action is not possible here',
    'The address exists, but it does not accept this kind of request.',
    'Go back and open the page again.',
  ),
  408: text(
    'The request took too long',
    'Your browser sent its data too slowly.',
    'Try again with a better connection.',
  ),
  413: text(
    'Too much data',
    'The request has more data than this site accepts.',
    'Send a smaller file or a shorter text.',
  ),
  414: text('The address is too long', 'The address is longer than this site accepts.', malformed),
  421: text('Wrong host', 'This site is not available under this host name.', 'Check the host name in the address.'),
  429: text('Too many requests', 'You reached a limit of this site.', 'Wait before you try again.'),
  431: text(
    'The request is too large',
    'Your browser sent more header data than this site accepts. Often the cause is cookies.',
    'Delete the cookies of this site, then open the page again.',
  ),
  500: text('This page does not work', 'An error occurred on this site.', again),
  501: text(
    'Not possible here',
    'This site does not support this kind of request.',
    'Go back and open the page again.',
  ),
  502: text('The service has an error', 'The service behind this page did not answer correctly.', again),
  503: text('Temporarily unavailable', 'Something that this page needs is unavailable.', again),
  504: text(
    'The service did not answer in time',
    'The service behind this page took too long. It may have carried out the request.',
    again,
  ),
}

export function refusalText(status: number, code: string): RefusalText {
  return byCode[code] ?? byStatus[status] ?? byStatus[status < 500 ? 400 : 500]!
}
