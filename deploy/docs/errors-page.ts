import { Output } from '../../gateway/cli/output.ts'
import { type Problem, type ProblemCode, problemCodes, warningCodes } from '../../gateway/config/problem.ts'
import { type ErrorExample, errorExamples } from './error-examples.ts'
import { generatedNote } from './markdown.ts'
import { hasTests, isPolicyFolder, isStart, problemsOfExample } from './run-example.ts'

/** Builds docs/reference/errors.md: one section for each problem code, with an example and its real output. */
export async function errorsPage(): Promise<string> {
  const codes = Object.keys(problemCodes) as ProblemCode[]
  const sections = []
  for (const code of codes) sections.push(await section(code))
  return `# Errors in settings and policy

${generatedNote}

Problem codes of \`gatehouse check\` and \`gatehouse serve\`. All problems are reported at once, each with its file, line and column.
Settings or a policy with a problem have no effect: a running node keeps its current policy.

${codes.map((code) => `- [${code}](#${code.toLowerCase()})`).join('\n')}

${sections.join('\n')}`
}

async function section(code: ProblemCode): Promise<string> {
  const example = errorExamples[code]
  const output = printed(await problemsOfExample(example))
  return `## ${code}

${problemCodes[code]}

${given(example)}${block('text', `$ ${commandOf(example)}\n${output}`)}${example.remedy}
`
}

/** Formats problems as the command line prints them, without colours. */
function printed(problems: readonly Problem[]): string {
  let text = ''
  const sink = {
    isTTY: false,
    write(written: string) {
      text += written
      return true
    },
  }
  const output = new Output('text', { stdout: sink, stderr: sink })
  output.problems(problems.filter(({ code }) => !warningCodes.has(code)))
  output.warnings(problems.filter(({ code }) => warningCodes.has(code)))
  return text
}

function given(example: ErrorExample): string {
  const files = Object.entries(example.files)
    .filter(([name]) => name.endsWith('.yaml'))
    .map(([name, text]) => {
      const path = isPolicyFolder(example) ? `policy/${name}` : name
      return block('yaml', `# ${path}\n${text}`)
    })
  return files.join('')
}

function commandOf(example: ErrorExample): string {
  const env = Object.entries(example.env ?? {}).map(([name, value]) => `${name}=${value} `)
  if (example.checksSettings === true) return 'gatehouse check --config gatehouse.yaml'
  if (isStart(example)) return `${env.join('')}gatehouse serve --config gatehouse.yaml`
  return `gatehouse check ${isPolicyFolder(example) ? 'policy' : 'policy.yaml'}${hasTests(example) ? ' --tests tests.yaml' : ''}`
}

function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n\n`
}
