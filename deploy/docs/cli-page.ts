import type { Command } from 'commander'
import { commandLine } from '../../gateway/cli/cli.ts'
import { generatedNote } from './markdown.ts'

const columns = 110

/** docs/reference/cli.md: what `--help` says of each verb. */
export async function cliPage(): Promise<string> {
  const verbs = [...withOwnVerbs(await commandLine(), '')].slice(1)
  return `# The command line

${generatedNote}

\`npx gatehouse VERB\` in a checkout, \`gatehouse VERB\` in the container. Each says the same with \`--help\`.

- \`--output json\` everywhere: one document, or one line each while following; names in snake_case. Errors are then objects
  on stderr: \`{ code, message, path, file, line, column, hint }\`.
- Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 not reachable, 4 done in part, 70 ended by a fault of its own.
- Verbs that steer a running cluster find a node by \`--admin URL\` or \`GATEHOUSE_ADMIN_URL\`, and show it the token in
  \`GATEHOUSE_ADMIN_TOKEN\`, or in the file that \`GATEHOUSE_ADMIN_TOKEN_FILE\` names ([operating](../guide/operating.md#steering)).
- No colours when piped, or with \`NO_COLOR\`. Tokens and keys are read from files and standard input, never from the command
  line where others can see them, except where a help text says so.

${verbs.map(([name]) => `- [${name}](#gatehouse-${name.replaceAll(' ', '-')})`).join('\n')}

${verbs.map(([name, verb]) => `## gatehouse ${name}\n\n\`\`\`text\n${helpOf(verb)}\n\`\`\`\n`).join('\n')}`
}

function* withOwnVerbs(command: Command, name: string): Generator<[name: string, command: Command]> {
  yield [name, command]
  for (const verb of command.commands) yield* withOwnVerbs(verb, `${name} ${verb.name()}`.trim())
}

/** As a terminal of this width shows it, without colours. */
function helpOf(verb: Command): string {
  let text = ''
  verb.configureOutput({
    writeOut: (written) => {
      text += written
    },
    getOutHelpWidth: () => columns,
    getOutHasColors: () => false,
  })
  verb.outputHelp()
  return text.trimEnd()
}
