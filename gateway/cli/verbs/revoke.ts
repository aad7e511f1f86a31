import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { unreadableText } from '../../config/unreadable-text.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { durableFlag, printReceipt, type ReceiptDocument, revocationWaitFlags } from '../receipt-text.ts'
import { defineVerb, flag } from '../verb.ts'
import { waitMsOf, waitParameterOf } from '../wait-flag.ts'

const byTextAlone = {
  code: 'GH_REVOKED_BY_TEXT',
  message:
    'the token was revoked only by its exact text: the issuer was not asked, or reported the token as inactive, or ' +
    'returned no jti and no stable iat and exp',
  hint:
    'if the issuer accepts a different text for the same token, that text may still be admitted: name the issuer with ' +
    '--issuer, or revoke the --subject or --client, or revoke the token at the issuer',
} as const

/**
 * Warning for a token that looks like the beginning of a JWT, such as one that was copied incompletely. Revoking it
 * does not revoke the whole JWT: nodes still admit the whole JWT.
 */
const incompleteJwt = {
  code: 'GH_REVOKED_INCOMPLETE',
  message:
    'the token begins like a JWT, but is not a complete JWT: if a part is missing, the JWT itself was NOT revoked',
  hint: 'give the whole token, for example with --token-file, or revoke the --subject or --client. Ignore this if the issuer grants opaque tokens that begin with eyJ',
} as const

const flags = {
  token: z.string().optional().register(flag, {
    value: 'token',
    help: 'revoke this access token; - reads standard input; other users can see the value in the process list',
  }),
  tokenFile: z
    .string()
    .optional()
    .register(flag, { value: 'file', help: 'revoke the access token in this file; - reads standard input' }),
  jti: z.string().optional().register(flag, { value: 'id', help: 'revoke the token with this jti' }),
  session: z.string().optional().register(flag, { value: 'id', help: 'revoke the tokens of this session (sid)' }),
  subject: z.string().optional().register(flag, {
    value: 'id',
    help: 'revoke the tokens of this subject issued until now plus clock_tolerance; tokens issued later are admitted',
  }),
  client: z.string().optional().register(flag, {
    value: 'id',
    help: 'revoke the tokens of this client issued until now plus clock_tolerance; tokens issued later are admitted',
  }),
  issuer: z
    .string()
    .optional()
    .register(flag, {
      value: 'issuer',
      help:
        'issuer of the subject, client, session or jti; required if the policy has several. spiffe://TRUST_DOMAIN or ' +
        'x509:CA_NAME for a caller with a client certificate. With --before: revoke all of its tokens. With an opaque ' +
        'token: ask only this issuer',
    }),
  before: z.string().optional().register(flag, {
    value: 'time',
    help: 'with --issuer: revoke tokens issued until this time, such as 2030-01-31T12:00:00Z',
  }),
  reason: z
    .string()
    .optional()
    .register(flag, { value: 'text', help: 'reason of the revocation, for the log and the audit record' }),
  ...revocationWaitFlags,
  durable: durableFlag,
  admin: adminFlag,
}

/** Kinds of revocations of all tokens that were issued until now. */
const revokedByTime: ReadonlySet<string> = new Set(['session', 'subject', 'client'])

/**
 * Remark about tokens that are issued right after the revocation: nodes reject these tokens too, which could look like
 * a failure.
 */
const laterTokens =
  'Also revoked: tokens that the issuer grants in the next seconds, up to its clock_tolerance (default 5 s).'

type RevokeFlags = z.infer<z.ZodObject<typeof flags>>

/**
 * `gatehouse revoke`: revokes tokens on every node. The receipt lists the nodes that have already applied the
 * revocation.
 */
export const verb = defineVerb({
  description: 'Revoke a token, or all tokens of a subject, client, session or issuer, on every node',
  flags,
  examples: [
    { run: 'gatehouse revoke --subject alice --reason "left"', does: 'all tokens that alice has now' },
    { run: 'gatehouse revoke --token - < token', does: 'one token, hidden from the process list' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every node has acknowledged',
    [exitCodes.invalid]: 'refused: nothing was revoked',
    ...adminUnreachable,
    [exitCodes.partly]:
      'revoked, but some nodes have not acknowledged; they stop admitting at fenced_by at the latest. Usual with --no-wait',
  },
  run: async (given, output) => {
    if (given.token !== undefined && given.token !== '-') output.withhold(given.token)
    const wait = waitParameterOf(given.wait)
    const admin = AdminClient.from(given.admin)
    const body = await requestBody(given)
    if ('token' in body) output.withhold(String(body['token']))
    const query = `wait=${wait}&durable=${given.durable ? 1 : 0}`
    const { document } = await admin.call('POST', `/api/v1/revocations?${query}`, 'missing', body)
    const receipt = document as unknown as ReceiptDocument
    printReceipt(receipt, waitMsOf(given.wait) > 0, output)
    if (revokedByTime.has(String(body['kind']))) output.line(laterTokens)
    output.document(receipt)
    if (receipt.matched_by === 'text') output.warn(isCutJwt(String(body['token'])) ? incompleteJwt : byTextAlone)
    return receipt.missing.length === 0 ? exitCodes.done : exitCodes.partly
  },
})

/** Whether a token that nodes do not recognize as a JWT begins as one. An encrypted token (JWE) has five parts. */
function isCutJwt(token: string): boolean {
  return token.startsWith('eyJ') && token.split('.').length !== 5
}

/** Builds the body of the revocation call from the flags. The admin API validates the values. */
async function requestBody(given: RevokeFlags): Promise<Readonly<Record<string, unknown>>> {
  const { issuer, before, reason } = given
  const named = (['jti', 'session', 'subject', 'client'] as const).filter((kind) => given[kind] !== undefined)
  const tokens = [given.token, given.tokenFile].filter((each) => each !== undefined)
  const kinds = named.length + tokens.length + (before === undefined ? 0 : 1)
  if (kinds !== 1) {
    throw wrongUsage(
      'give exactly one of --token, --token-file, --jti, --session, --subject, --client, or --issuer with --before',
    )
  }
  const why = reason === undefined ? {} : { reason }
  if (tokens.length > 0) {
    return { kind: 'token', token: await readToken(given), ...(issuer !== undefined && { issuer }), ...why }
  }
  if (before !== undefined) {
    if (issuer === undefined) throw wrongUsage('--before requires --issuer')
    return { kind: 'issuer', issuer, before, ...why }
  }
  const [kind] = named
  return { kind, id: given[kind!], ...(issuer !== undefined && { issuer }), ...why }
}

async function readToken({ token, tokenFile }: RevokeFlags): Promise<string> {
  if (token === '-' || tokenFile === '-') return (await text(process.stdin)).trim()
  if (token !== undefined) return token
  try {
    return readFileSync(tokenFile!, 'utf8').trim()
  } catch (error) {
    throw wrongUsage(`the token file ${unreadableText(tokenFile!, error)}`)
  }
}

function wrongUsage(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse revoke --help lists the flags')
}
