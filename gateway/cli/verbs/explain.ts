import { z } from 'zod'
import type { AskedRequest } from '../../explain/dry-run-request.ts'
import type { Explanation } from '../../explain/explanation.ts'
import { httpVersions } from '../../pipeline/exchange/request-head.ts'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { explainOffline } from '../explain-offline.ts'
import { askedRequest, withToken, wrongUsage } from '../explained-request.ts'
import { explanationLines } from '../explanation-text.ts'
import { DEFAULT_ORIGIN } from '../offline-gate.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/**
 * `gatehouse explain`: reports the decision on a request and the reasons of the decision, by a policy file or by a
 * running node.
 */
export const verb = defineVerb({
  description: 'Explain how a running node, or with --policy a policy without a node, would decide a request',
  arguments: {
    method: z.string().register(flag, { help: 'method of the request, such as GET' }),
    url: z.string().register(flag, {
      help: `URL of the request. A path alone is resolved against the node's public_url; with --policy, against ${DEFAULT_ORIGIN}`,
    }),
  },
  flags: {
    policy: z.string().optional().register(flag, {
      value: 'path',
      help: 'explain by this policy, a file or a folder, without calling a node (offline)',
    }),
    token: z
      .string()
      .optional()
      .register(flag, {
        value: 'token',
        conflicts: ['tokenFile'],
        help: 'access token of the request; - reads standard input; other users can see the value in the process list',
      }),
    tokenFile: z
      .string()
      .optional()
      .register(flag, { value: 'file', help: 'file with the access token of the request; - reads standard input' }),
    session: z
      .string()
      .optional()
      .register(flag, {
        value: 'id',
        conflicts: ['policy', 'token', 'tokenFile'],
        help: 'id of the login session of the request, as gatehouse sessions list prints it; not with --policy',
      }),
    certificate: z
      .string()
      .optional()
      .register(flag, {
        value: 'file',
        help: 'file with the client certificate of the request in PEM, and its intermediate CAs; not with --policy',
        conflicts: ['policy'],
      }),
    header: z.array(z.string()).default([]).register(flag, {
      value: 'field',
      help: 'header field of the request to explain, as "name: value"; can be repeated. With a DPoP field, the token is sent with the scheme DPoP; explain never uses up the proof',
    }),
    httpVersion: z.enum(httpVersions).optional().register(flag, {
      value: 'version',
      help: '2: the request arrives at listen_h2; default: 2 with the Content-Type of gRPC, if the node has listen_h2 or with --policy; else 1.1',
    }),
    address: z
      .string()
      .default('127.0.0.1')
      .register(flag, { value: 'address', help: 'client address of the request to explain' }),
    jwks: z.string().optional().register(flag, {
      value: 'file',
      help: 'with --policy: key set of the issuer (RFC 7517); without this flag, the signature is not checked',
    }),
    at: z.string().optional().register(flag, {
      value: 'time',
      help: 'with --policy: time of the request, such as 2030-01-31T12:00:00Z (default: now)',
    }),
    admin: adminFlag.clone().register(flag, { ...flag.get(adminFlag)!, conflicts: ['policy'] }),
  },
  examples: [
    {
      run: 'gatehouse explain POST /orders --policy policy.yaml --token-file - --jwks keys.json < token',
      does: 'offline, with a token and its signature',
    },
    {
      run: 'gatehouse explain GET https://api.example/orders/7 --token-file token --address 203.0.113.7',
      does: 'as the node at GATEHOUSE_ADMIN_URL would decide now',
    },
  ],
  exitCodes: {
    [exitCodes.done]: 'admitted, or answered by the gate itself',
    [exitCodes.invalid]: 'refused, or the policy is invalid, or the node refuses the call',
    [exitCodes.unreachable]: 'no node replied',
  },
  run: async ({ method, url, ...given }, output) => {
    const asked = askedRequest(method, url, await withToken(given))
    output.withhold(...secretsOf(asked))
    const { policy, jwks, at, admin, session } = given
    const explanation =
      policy === undefined
        ? await explainByNode(asked, { jwks, at, admin, session })
        : await explainOffline(asked, { policy, jwks })
    for (const line of explanationLines(explanation)) output.line(line)
    output.document(explanation)
    return explanation.reply === null || explanation.reply.status < 400 ? exitCodes.done : exitCodes.invalid
  },
})

interface NodeFlags {
  readonly jwks: string | undefined
  readonly at: string | undefined
  readonly admin: string | undefined
  readonly session: string | undefined
}

async function explainByNode(
  { nowMs: _, httpVersion, ...asked }: AskedRequest,
  given: NodeFlags,
): Promise<Explanation> {
  for (const name of ['jwks', 'at'] as const) {
    if (given[name] !== undefined) throw wrongUsage(`--${name} requires --policy: a node has its own keys and clock`)
  }
  const { document } = await AdminClient.from(given.admin).call('POST', '/api/v1/explain', 'decision', {
    ...asked,
    http_version: httpVersion,
    session: given.session,
  })
  return document as unknown as Explanation
}

/** Returns the secrets of the explained request, which must never be printed, whatever code produces the output. */
function secretsOf({ token, fields }: AskedRequest): string[] {
  const ofFields = fields.flatMap(([name, value]) => {
    if (/^authorization$/i.test(name)) return [value, ...value.split(' ')]
    return /^(?:cookie|dpop)$/i.test(name) ? [value] : []
  })
  return token === undefined ? ofFields : [token, ...ofFields]
}
