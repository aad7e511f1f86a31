import { ConfigError, problem } from '../../config/problem.ts'
import { readYaml } from '../../config/yaml-document.ts'
import { CliError, exitCodes } from '../output.ts'
import { type ImportedPolicy, ImportNotes } from './import-note.ts'
import { OpenApiRoutes } from './openapi-routes.ts'
import { OpenApiSecurity, openApiIssuer } from './openapi-security.ts'
import { type OpenApiServer, openApiServer } from './openapi-server.ts'
import { mappingOf, nameFrom, textOf } from './plain-value.ts'

/** Values from the command line that an OpenAPI document may lack. A given value replaces the value of the document. */
export interface OpenApiGiven {
  readonly issuer: string | undefined
  readonly audience: readonly string[]
  readonly upstream: string | undefined
  readonly service: string | undefined
}

/**
 * Makes a policy from an OpenAPI 3 or Swagger 2 document: one service, and one route for each operation.
 *
 * @throws {ConfigError} when the bytes are neither of the two
 * @throws {CliError} when issuer, audience or upstream is missing both in the document and in `given`
 */
export function importOpenApi(bytes: Uint8Array, file: string, given: OpenApiGiven): ImportedPolicy {
  const yaml = readYaml(bytes, file)
  // Ignore the problems of forbidden YAML keys such as `constructor`: an OpenAPI schema can have a property of this
  // name. The YAML parser leaves such keys out, and no route needs them.
  const problems = yaml.problems.filter(({ code }) => code !== 'GH_CONFIG_UNKNOWN_KEY')
  if (problems.length > 0) throw new ConfigError(problems)
  const document = mappingOf(yaml.value) ?? {}
  if (!isOpenApi(document)) {
    const message = 'must be an OpenAPI 3 document (openapi: 3.…) or a Swagger document (swagger: "2.0")'
    throw new ConfigError([problem('GH_CONFIG_VALUE', message, [], yaml.locate([]))])
  }
  const notes = new ImportNotes(yaml.locate)
  const server = openApiServer(document, notes)
  const upstream = upstreamOf(server, given, notes)
  const issuer = given.issuer ?? openApiIssuer(document) ?? missing('an issuer', '--issuer URL')
  const audience = audienceOf(server, given, notes)
  const routes = new OpenApiRoutes(document, new OpenApiSecurity(document, issuer, notes), notes).read(server.basePath)
  if (routes.length === 0) {
    const message = 'must have a path with an operation that the gate can forward'
    throw new ConfigError([problem('GH_CONFIG_VALUE', message, ['paths'], yaml.locate(['paths']))])
  }
  if (document['webhooks'] !== undefined) {
    notes.add('not needed', ['webhooks'], 'webhooks are calls of the service, which do not pass the gate')
  }
  const title = textOf(mappingOf(document['info'])?.['title']) ?? ''
  const service = given.service ?? nameFrom(title.toLowerCase(), 'api')
  const policy = {
    version: 1,
    issuers: { main: { issuer, audience } },
    services: { [service]: { upstreams: [upstream], routes } },
  }
  return { policy, notes: withoutRepeats(notes) }
}

function isOpenApi(document: Readonly<Record<string, unknown>>): boolean {
  return /^3\.\d/.test(String(document['openapi'])) || /^2(?:\.0)?$/.test(String(document['swagger']))
}

function upstreamOf({ origin }: OpenApiServer, { upstream }: OpenApiGiven, notes: ImportNotes): string {
  if (upstream !== undefined) return upstream
  if (origin === undefined) return missing('an absolute server URL', '--upstream ORIGIN')
  const message = `${origin} is used as upstream. If clients reach the gate at this address, state the address of the service: --upstream ORIGIN`
  notes.add('decide', ['servers'], message)
  return origin
}

function audienceOf({ origin }: OpenApiServer, { audience }: OpenApiGiven, notes: ImportNotes): readonly string[] {
  if (audience.length > 0) return audience
  if (origin === undefined) return missing('an absolute server URL', '--audience VALUE, the aud of its tokens')
  notes.add('decide', ['servers'], `${origin} is used as audience. If tokens have another aud, state it: --audience`)
  return [origin]
}

function missing(what: string, flag: string): never {
  throw new CliError(exitCodes.usage, 'GH_USAGE', `the document does not state ${what}`, `add ${flag}`)
}

/**
 * Returns the import notes in the order of the document, each only once: all routes have the same note about the
 * security of the whole document.
 */
function withoutRepeats({ list }: ImportNotes): ImportNotes['list'] {
  const distinct = new Map(list.map((note) => [`${note.subject} ${note.message}`, note]))
  return [...distinct.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}
