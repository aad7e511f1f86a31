import type { Command } from 'commander'
import { commandLine } from '../../gateway/cli/cli.ts'
import { generatedNote } from './markdown.ts'

const columns = 110

/** Builds docs/reference/cli.md: the `--help` text of each verb. */
export async function cliPage(): Promise<string> {
  const verbs = [...withDescendants(await commandLine(), '')].slice(1)
  return `# The command line

${generatedNote}

\`bin/gatehouse VERB\` in a checkout, or \`gatehouse VERB\` with its folder \`bin\` on PATH. \`gatehouse VERB\` in the container. \`--help\` prints the same text.

- \`--output json\` works with every verb: one document, or one per line while following; names in snake_case. Errors are
  then objects on stderr: \`{ code, message, path, file, line, column, hint }\`.
- Exit codes: 0 success, 1 refused or invalid, 2 wrong usage, 3 unreachable, 4 done in part, 70 crashed.
- Verbs that call a running cluster find a node by \`--admin URL\` or \`GATEHOUSE_ADMIN_URL\`. They send the token in
  \`GATEHOUSE_ADMIN_TOKEN\`, or in the file that \`GATEHOUSE_ADMIN_TOKEN_FILE\` names ([operating](../guide/operating.md#control-a-running-cluster)).
- Output has no colours in a pipe, or with \`NO_COLOR\`. Pass tokens and keys in files or on standard input: other users can
  see the command line in the process list.

${verbs.map(([name]) => `- [${name}](#gatehouse-${name.replaceAll(' ', '-')})`).join('\n')}

${verbs.map(([name, verb]) => `## gatehouse ${name}\n\n\`\`\`text\n${helpOf(verb)}\n\`\`\`\n`).join('\n')}`
}

function* withDescendants(command: Command, name: string): Generator<[name: string, command: Command]> {
  yield [name, command]
  for (const verb of command.commands) yield* withDescendants(verb, `${name} ${verb.name()}`.trim())
}

/** Returns the help text of a verb without colours, wrapped as on a terminal. */
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
