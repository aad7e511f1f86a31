import { Command } from 'commander'
import { auditReplayCommand } from './audit-replay.ts'
import { auditSearchCommand } from './audit-search.ts'
import { auditSinksCommand } from './audit-sinks.ts'
import { auditTailCommand } from './audit-tail.ts'
import { auditVerifyCommand } from './audit-verify.ts'
import { addHelp } from './help.ts'

/** `gatehouse audit`: the verbs for the audit log. */
export function auditCommand(): Command {
  const command = new Command('audit').description('Look into the audit log, verify it, and see to its shipping')
  command.addCommand(auditTailCommand())
  command.addCommand(auditSearchCommand())
  command.addCommand(auditVerifyCommand())
  command.addCommand(auditSinksCommand())
  command.addCommand(auditReplayCommand())
  return addHelp(command, [
    { run: 'gatehouse audit tail -f', does: 'records as they come' },
    { run: 'gatehouse audit verify', does: 'the log in Redis, by a node' },
  ])
}
