import { otherKindProblem } from '../../config/document-kind.ts'
import { readBytes } from '../../config/file-bytes.ts'
import { ConfigError, type DocumentPath, type Place, type Problem, problem } from '../../config/problem.ts'
import { schemaProblems } from '../../config/schema-problems.ts'
import { readYaml } from '../../config/yaml-document.ts'
import { type PolicyTest, policyTestsSchema } from './policy-tests-schema.ts'

/** Policy tests as written in one file. */
export interface PolicyTests {
  readonly file: string
  readonly tests: readonly PolicyTest[]
  locate(path: DocumentPath): Place
}

/**
 * Reads a file of policy tests.
 *
 * @throws {ConfigError} with all errors in the file, or when the file cannot be read
 */
export function readPolicyTests(file: string): PolicyTests {
  const { value, problems, locate } = readYaml(readBytes(file), file)
  if (problems.length > 0) throw new ConfigError(problems)
  const other = otherKindProblem(value, 'policy tests', locate([]))
  if (other !== undefined) throw new ConfigError([other])
  const { data, error } = policyTestsSchema.safeParse(value)
  if (data === undefined) throw new ConfigError(schemaProblems(policyTestsSchema, value, error.issues, locate))
  const calls = data.tests.flatMap(({ request }, i) => callProblems(request.headers, ['tests', i], locate))
  if (calls.length > 0) throw new ConfigError(calls)
  return { file, tests: data.tests, locate }
}

/**
 * Reports a test whose request contains a client id and secret (scheme Basic): a gate would ask the issuer for a token,
 * which a test cannot do.
 */
function callProblems(
  headers: PolicyTest['request']['headers'],
  path: DocumentPath,
  locate: PolicyTests['locate'],
): Problem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!/^authorization$/i.test(name) || ![value].flat().some((each) => /^basic\b/i.test(each))) return []
    const at = [...path, 'request', 'headers', name]
    const message = 'must not be a client id and secret: a policy test calls no issuer'
    return [
      problem(
        'GH_CONFIG_VALUE',
        message,
        at,
        locate(at),
        'write the claims of a token for this client under `token` of the test',
      ),
    ]
  })
}
