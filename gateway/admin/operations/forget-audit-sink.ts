import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

export const forgetAuditSink = operation({
  id: 'forget_audit_sink',
  method: 'POST',
  path: '/api/v1/audit/sinks/forget',
  summary: 'Forget a sink that was removed from the settings',
  description: 'The audit log no longer keeps records for the sink. The dead letters of the sink are deleted.',
  scope: 'gatehouse:admin',
  body: z.strictObject({ sink: z.string().min(1).max(64) }),
  replies: { 200: { description: 'The sink is forgotten.', schema: z.strictObject({ sink: z.string() }) } },
  problems: ['sink_unknown', 'sink_configured', 'cluster_unavailable'],
  example: { body: { sink: 'old-archive' }, reply: { sink: 'old-archive' } },
  run: async ({ body, dependencies }) => {
    await requireRedis(dependencies).audit.forgetSink(body.sink)
    return { status: 200, document: { sink: body.sink }, note: { sink: body.sink } }
  },
})
