import { compilePolicy } from '../../policy/compile.ts'
import type { PolicySource } from '../../policy/policy-source.ts'
import { AdminClient } from '../admin-client.ts'
import { timeOf } from '../audit-time.ts'
import { findRecords } from '../find-records.ts'
import { exitCodes, type Output } from '../output.ts'
import { policyName, readPolicyArgument } from '../policy-argument.ts'
import { RecordReplay } from './record-replay.ts'
import { type ReplayReport, replayRecords } from './replay-report.ts'

interface AuditWish {
  /** Time from which recorded requests are used: RFC 3339, or a duration before now. */
  readonly fromAudit: string
  /** Maximum number of audit records that are read. */
  readonly records: number
  readonly admin: string | undefined
}

/** Reports which recorded decisions a candidate policy would change. @returns the exit code of `check` */
export async function checkFromAudit(path: string, { fromAudit, records: limit, admin }: AuditWish, output: Output) {
  const since = timeOf(fromAudit, '--from-audit')
  const snapshot = compilePolicy(withoutShadows(await readPolicyArgument(path)))
  const { records } = await findRecords(AdminClient.from(admin), {}, limit, { since })
  const report = await replayRecords(new RecordReplay(snapshot), records)
  const complete = records.length < limit
  const summary = `${report.decided} decided, ${report.changed} would change, ${report.undecidable} undecidable`
  output.line(`${policyName(path)}: ${records.length} audit records since ${since}: ${summary}`)
  if (!complete) output.line(`the number of audit records reached --records: older ones were not examined`)
  printReport(report, output)
  output.document({
    policy: policyName(path),
    revision: snapshot.revision,
    since,
    records: records.length,
    complete,
    ...report,
  })
  return report.changed === 0 ? exitCodes.done : exitCodes.invalid
}

/**
 * Remove shadow requirements from the candidate policy: they decide nothing, and could examine facts that no decision
 * needs.
 */
function withoutShadows(source: PolicySource): PolicySource {
  const { document } = source
  const services = Object.entries(document.services).map(([id, service]) => {
    const routes = service.routes.map((route) => ({ ...route, shadow: undefined }))
    return [id, { ...service, routes }] as const
  })
  return { ...source, document: { ...document, services: Object.fromEntries(services) } }
}

function printReport({ changes, reasons }: ReplayReport, output: Output): void {
  if (changes.length > 0) {
    const rows = changes.map(({ route, before, after, requests, examples }) => {
      const [first] = examples
      const example = [first?.method, first?.path, first?.subject, first?.request].map((each) => String(each ?? '-'))
      return [route ?? '-', before, after, String(requests), example.join(' ')]
    })
    output.table(['ROUTE', 'BEFORE', 'AFTER', 'REQUESTS', 'EXAMPLE'], rows)
  }
  if (reasons.length > 0) {
    output.table(
      ['UNDECIDABLE', 'RECORDS LACK'],
      reasons.map(({ lacking, requests }) => [String(requests), lacking]),
    )
  }
}
