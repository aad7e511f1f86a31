import { z } from 'zod'
import { findingResults } from '../../doctor/finding.ts'
import { operation } from '../operation.ts'

const finding = z.strictObject({
  check: z.string().describe('Kind of the check, such as `discovery`.'),
  subject: z.string().describe('Subject of the check, such as `issuer corp`.'),
  result: z.enum(findingResults).describe('`unknown`: the check could not find out whether the subject works.'),
  detail: z.string().describe('Finding of the check. It contains no secret.'),
  remedy: z.string().nullable().describe('How to correct a problem that the check found; `null` for `ok`.'),
})

export const checkNode = operation({
  id: 'check_node',
  method: 'GET',
  path: '/api/v1/doctor',
  summary: 'Check Redis, the issuers and the services that this node depends on',
  description:
    'Checks the files of the node, its Redis with the rights of its user, issuers with keys, client secrets and redirect ' +
    'URIs, upstreams, the clock and certificates. Each check ends after 5 s, and changes nothing. Only one run takes place ' +
    'at a time: calls during a run, and within 10 s after it, get its findings.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'The findings of the checks.',
      schema: z.strictObject({
        node: z.string(),
        started_at: z.string().describe('Time at which the checks started (RFC 3339).'),
        findings: z.array(finding),
      }),
    },
  },
  example: {
    reply: {
      node: 'node-a',
      started_at: '2030-01-31T12:00:00.000Z',
      findings: [
        {
          check: 'discovery',
          subject: 'issuer corp',
          result: 'ok',
          detail: 'metadata of https://login.corp.example found',
          remedy: null,
        },
      ],
    },
  },
  run: async ({ dependencies: { doctor, node } }) => {
    const { startedAtMs, findings } = await doctor.run()
    return { status: 200, document: { node: node.id, started_at: new Date(startedAtMs).toISOString(), findings } }
  },
})
