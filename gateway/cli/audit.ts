import { Command } from 'commander'
import { auditVerifyCommand } from './audit-verify.ts'
import { addHelp } from './help.ts'

/** `gatehouse audit`: the record of every exchange. */
export function auditCommand(): Command {
  const command = new Command('audit').description('Look into the audit log')
  command.addCommand(auditVerifyCommand())
  return addHelp(command, [
    { run: 'gatehouse audit verify', does: 'the log in Redis, by a node' },
    { run: 'gatehouse audit verify --help', does: 'more about it' },
  ])
}
