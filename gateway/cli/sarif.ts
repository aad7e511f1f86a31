import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageVersion } from '../base/version.ts'
import { type Problem, type ProblemCode, problemCodes, warningCodes } from '../config/problem.ts'

/**
 * Returns the place of an error code in the error reference: a path relative to the root of this repository, with a
 * fragment.
 */
export function helpUriOf(code: ProblemCode): string {
  return `docs/reference/errors.md#${code.toLowerCase()}`
}

const codes = Object.keys(problemCodes) as ProblemCode[]

/** SARIF 2.1.0 log (Static Analysis Results Interchange Format), for code hosts and editors. */
export function sarifLog(problems: readonly Problem[], warnings: readonly Problem[] = []): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'gatehouse', semanticVersion: packageVersion, rules: codes.map(ruleOf) } },
        // Columns count UTF-16 code units (SARIF §3.14.17). The only other allowed unit is code points.
        columnKind: 'utf16CodeUnits',
        results: [...problems.map((each) => resultOf(each)), ...warnings.map((each) => resultOf(each, 'warning'))],
      },
    ],
  }
}

function ruleOf(code: ProblemCode): object {
  return {
    id: code,
    shortDescription: { text: problemCodes[code] },
    helpUri: helpUriOf(code),
    defaultConfiguration: { level: warningCodes.has(code) ? 'warning' : 'error' },
  }
}

function resultOf(
  { code, message, path, hint, file, line, column }: Problem,
  level: 'error' | 'warning' = 'error',
): object {
  const subject = path === '' ? '' : `${path}: `
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level,
    message: { text: `${subject}${message}${hint === undefined ? '' : ` (${hint})`}` },
    locations: [
      {
        ...(file !== undefined && {
          physicalLocation: {
            artifactLocation: { uri: uriOf(file) },
            ...(line !== undefined && { region: { startLine: line, startColumn: column ?? 1 } }),
          },
        }),
        ...(path !== '' && { logicalLocations: [{ fullyQualifiedName: path }] }),
      },
    ],
  }
}

/**
 * Returns the URI of a file. A relative path stays relative: the reader of the SARIF log resolves the path against its
 * own source root (SARIF §3.4.3).
 */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href
  return file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/')
}
