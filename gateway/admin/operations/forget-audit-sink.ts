import { z } from 'zod'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'

export const forgetAuditSink = operation({
  id: 'forget_audit_sink',
  method: 'POST',
  path: '/api/v1/audit/sinks/forget',
  summary: 'Give up a sink that the settings no longer have',
  description: 'The log keeps nothing for it any more, and its dead letters are gone.',
  scope: 'gatehouse:admin',
  body: z.strictObject({ sink: z.string().min(1).max(64) }),
  replies: { 200: { description: 'It is forgotten.', schema: z.strictObject({ sink: z.string() }) } },
  problems: ['sink_unknown', 'sink_configured', 'cluster_unavailable'],
  run: async ({ body, dependencies }) => {
    await sharedParts(dependencies).audit.forgetSink(body.sink)
    return { status: 200, document: { sink: body.sink }, note: { sink: body.sink } }
  },
})
