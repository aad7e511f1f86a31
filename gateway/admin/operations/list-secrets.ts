import { z } from 'zod'
import { operation } from '../operation.ts'

const secret = z.strictObject({
  name: z.string().describe('Path of the secret in the settings or the policy.'),
  source: z.string().describe('Source of the secret: `file PATH` or `env NAME`.'),
  used_by: z.string().describe('Part of the node that uses the secret.'),
  changed_at: z
    .string()
    .describe(
      'Time of the last change of the secret file (RFC 3339). For an environment variable: the start of the process.',
    ),
  previous_valid: z.boolean().describe('Whether the value of the secret before its last change is still accepted.'),
  expires_at: z.string().nullable().describe('Expiry of the secret (RFC 3339); `null` when it is not known.'),
  problem: z
    .string()
    .nullable()
    .describe('Error in the newest value of the secret, which is therefore not in use; `null` for a valid value.'),
})

export const listSecrets = operation({
  id: 'list_secrets',
  method: 'GET',
  path: '/api/v1/secrets',
  summary: 'List the secrets of this node',
  description:
    'Lists the secrets and keys of the node that receives the call, with source, age and use. The reply contains no value.',
  scope: 'gatehouse:read',
  replies: {
    200: { description: 'The secrets of the node.', schema: z.strictObject({ secrets: z.array(secret) }) },
  },
  problems: [],
  example: {
    reply: {
      secrets: [
        {
          name: 'issuers.corp.login.client_secret',
          source: 'file /etc/gatehouse/client-secret',
          used_by: 'login at issuer corp',
          changed_at: '2026-11-30T08:00:00.000Z',
          previous_valid: false,
          expires_at: null,
          problem: null,
        },
      ],
    },
  },
  run: async ({ dependencies }) => ({ status: 200, document: { secrets: [...dependencies.secrets()] } }),
})
