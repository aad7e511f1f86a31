import { isMap } from 'yaml'
import { demoClients } from './accounts.ts'
import { loopback, type Ports } from './ports.ts'
import { changePolicy, PolicyNotChanged } from './running-policy.ts'

/** A service of the user that the running demo shall protect. */
export interface OwnService {
  /** http or https URL. The gate puts its path in front of the path of each request. */
  readonly url: string
  /** Scope that a token needs for access to the service. */
  readonly scope: string
  /** Name of the service in the policy, and first segment of its public path. */
  readonly name: string
}

/** A service that both nodes of the demo protect. */
export interface AddedService {
  /** Public URL of the service at the gate. */
  readonly at: string
  /** Client of the demo issuer that gets tokens with the scope. */
  readonly client: string
  /** Number of the revision of the policy with the service. */
  readonly revision: number
  /** Whether policy.yaml in the folder of the demo has the service too. */
  readonly isInFile: boolean
  /** Time from the change of the policy until both nodes had acknowledged it, s. */
  readonly seconds: number
}

/**
 * Names that the demo policy already uses for services or as first segment of a path. An added service must not have
 * such a name.
 */
const taken: ReadonlySet<string> = new Set([
  ...['orders', 'rpc', 'reports', 'files', 'internal', 'app', 'stream', 'public', 'demo'],
])

/**
 * Puts a service behind the running demo at `/NAME/**`. A service that was added under the same name is replaced.
 *
 * @throws {RangeError} when URL, name or scope cannot be used
 * @throws {DemoNotRunning} when no demo is running
 * @throws {PolicyNotChanged} when a node rejects the changed policy
 */
export async function addService(ports: Ports, { url, scope, name }: OwnService): Promise<AddedService> {
  const client = clientWith(scope)
  const { origin, pathname, search, hash } = serviceUrl(url)
  if (search !== '' || hash !== '') throw new RangeError(`${url} has a query or fragment; expected origin and path`)
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(name) || taken.has(name)) {
    throw new RangeError(
      `${name} cannot be the name: use 1 to 32 lower-case letters, digits, - or _; not a name of the demo`,
    )
  }
  const base = pathname.replace(/\/+$/, '')
  const route = {
    id: name,
    match: { path: `/${name}/**` },
    require: { scopes: { all: [scope] } },
    rewrite: { strip_prefix: `/${name}`, ...(base !== '' && { add_prefix: base }) },
  }
  const startedMs = performance.now()
  const { number, isInFile } = await changePolicy(ports, `demo add ${origin} as ${name}`, (policy) => {
    if (!isMap(policy.get('services'))) throw new PolicyNotChanged('the policy of the demo has no mapping `services`')
    policy.setIn(['services', name], policy.createNode({ upstreams: [origin], routes: [route] }))
  })
  const seconds = (performance.now() - startedMs) / 1000
  return { at: `${loopback(ports.gate)}/${name}/`, client, revision: number, isInFile, seconds }
}

function serviceUrl(text: string): URL {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new RangeError(`${text} is not an http or https URL, such as http://127.0.0.1:3000`)
  }
  const url = new URL(text)
  // The message does not quote the URL, which contains a password.
  if (url.username !== '' || url.password !== '') {
    throw new RangeError('the URL of the service has a user or password; expected origin and path')
  }
  return url
}

/** Returns a client of the demo issuer that can get a token with this scope without a user. */
function clientWith(scope: string): string {
  const clients = Object.entries(demoClients).filter(([, { login }]) => !login)
  const client = clients.find(([, { scopes }]) => scopes.includes(scope))?.[0]
  if (client !== undefined) return client
  const scopes = [...new Set(clients.flatMap(([, each]) => each.scopes))].filter(
    (each) => !each.startsWith('gatehouse:'),
  )
  throw new RangeError(`the issuer of the demo does not grant the scope ${scope}; it grants ${scopes.join(', ')}`)
}

/** Text with the address of an added service and with commands to call it. */
export function addedText(added: AddedService, url: string, { offset }: Ports): string {
  const { at, client, revision, isInFile, seconds } = added
  const flag = offset === 0 ? '' : ` --port-offset ${offset}`
  const token = `$(gatehouse demo token --client ${client}${flag})`
  const note = isInFile ? '' : '\n\nThe service is not in policy.yaml: the file has changes that are not active.'
  return `${at} forwards to ${url} (both nodes, after ${seconds.toFixed(2)} s, revision ${revision} of the policy)

  curl -i ${at}    # 401
  curl -i -H "Authorization: Bearer ${token}" ${at}    # the reply of your service${note}`
}
