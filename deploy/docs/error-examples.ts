import type { ProblemCode } from '../../gateway/config/problem.ts'

/** Configuration that causes a problem, and the remedy of the problem. */
export interface ErrorExample {
  /**
   * Files of the example by name. Several files without gatehouse.yaml form a policy folder. If gatehouse.yaml is
   * present, a node starts with the files, else `gatehouse check` reads them.
   */
  readonly files: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly remedy: string
}

const issuers = `version: 1
issuers:
  main: { issuer: https://idp.example, audience: [https://api.example] }
`

const route = (id: string, path: string) => `      - id: ${id}
        match: { path: ${path} }
        require: public
`

const service = (id: string, routes: string) => `  ${id}:
    upstreams: [http://${id}:8080]
    routes:
${routes}`

const publicPolicy = (routes: string) => `version: 1
services:
${service('orders', routes)}`

/** Policy with one route, to which the given requirement applies. */
const requiring = (requirement: string) =>
  `${issuers}services:
${service(
  'orders',
  `      - id: orders.read
        match: { path: /orders/** }
        require: ${requirement}
`,
)}`

/** One example for each problem code. A test checks that each example causes its code and no other code. */
export const errorExamples: Readonly<Record<ProblemCode, ErrorExample>> = {
  GH_CONFIG_UNREADABLE: {
    files: {},
    remedy: 'Check the path, and that the user the node runs as may read the file. A folder must hold a `*.yaml` file.',
  },
  GH_CONFIG_TOO_LARGE: {
    files: { 'policy.yaml': `version: ${'['.repeat(65)}${']'.repeat(65)}\n` },
    remedy: 'Split the policy into a folder of files. Write repeated parts out instead of nesting aliases in aliases.',
  },
  GH_CONFIG_SYNTAX: {
    files: { 'policy.yaml': 'version: 1\nservices:\n\torders: {}\n' },
    remedy:
      'Indent by spaces, close every bracket and quote, keep to one document in a file, and use no tags (`!…`) and no ' +
      'merge keys (`<<`).',
  },
  GH_CONFIG_DUPLICATE_KEY: {
    files: { 'policy.yaml': `${publicPolicy(route('orders.read', '/orders/**'))}version: 1\n` },
    remedy: 'Decide which of the two values is meant, and delete the other.',
  },
  GH_CONFIG_UNKNOWN_KEY: {
    files: {
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')).replace(
        '    routes:',
        '    timeout: { connect: 1s }\n    routes:',
      ),
    },
    remedy:
      'Correct the name; the hint says the nearest one known. The [configuration reference](configuration.md) has all.',
  },
  GH_CONFIG_NOT_YET: {
    files: { 'gatehouse.yaml': 'policy: { path: policy.yaml }\nwebhooks: {}\n' },
    remedy: 'Take the key out, or use a version of Gatehouse that enforces it.',
  },
  GH_CONFIG_MISSING: {
    files: { 'policy.yaml': publicPolicy(`      - id: orders.read\n        match: { path: /orders/** }\n`) },
    remedy: 'Add the key. A route that shall let everybody in says so: `require: public`.',
  },
  GH_CONFIG_VALUE: {
    files: {
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')).replace(
        '    routes:',
        '    timeouts: { connect: 2 }\n    routes:',
      ),
    },
    remedy: 'Write the value in the form that the message names. Durations and sizes always have a unit.',
  },
  GH_CONFIG_UNKNOWN_VARIABLE: {
    files: { 'gatehouse.yaml': 'policy: { path: policy.yaml }\n' },
    env: { GATEHOUSE_LISTN: '127.0.0.1:8080' },
    remedy:
      'Correct or unset the variable. Its name is `GATEHOUSE_` and the path of the key, in upper case, joined by `_`.',
  },
  GH_CONFIG_SECRET_INLINE: {
    files: {
      'gatehouse.yaml':
        'policy: { path: policy.yaml }\nkeys:\n  assertion:\n    - { id: k1, secret: "do not write it here" }\n',
    },
    remedy: 'Move the secret into a file or a variable, and treat the one that was written down as known to others.',
  },
  GH_CONFIG_SECRET: {
    files: {
      'gatehouse.yaml':
        'policy: { path: policy.yaml }\nkeys:\n  assertion:\n    - { id: k1, secret: { file: assertion.jwk } }\n',
    },
    remedy: 'Make the file (for keys: `gatehouse keys generate assertion`), and let the user of the node read it.',
  },
  GH_CONFIG_KEY_MISSING: {
    files: {
      'gatehouse.yaml': 'policy: { path: policy.yaml }\n',
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')),
    },
    remedy:
      'Make a key with `gatehouse keys generate assertion` and name it under `keys.assertion`, or say ' +
      '`credentials: none` for services that need no assertion. What is stored in Redis sealed needs one of ' +
      '`gatehouse keys generate encryption` under `keys.encryption`.',
  },
  GH_POLICY_OWNER: {
    files: {
      'a.yaml': publicPolicy(route('orders.read', '/orders/**')),
      'b.yaml': publicPolicy(route('orders.write', '/orders/new')),
    },
    remedy: 'Keep the whole service, or issuer, in one of the files.',
  },
  GH_POLICY_ISSUER: {
    files: {
      'policy.yaml': requiring('{ scopes: { all: [read] } }').replace(
        '    upstreams:',
        '    issuers: [mian]\n    upstreams:',
      ),
    },
    remedy: 'Name an entry under `issuers`. List the issuers of a service where the policy has several.',
  },
  GH_POLICY_INTROSPECTION: {
    files: {
      'policy.yaml': requiring('{ scopes: { all: [read] } }').replace('] }', '], tokens: opaque }'),
    },
    remedy:
      'Give the issuer `introspection` with a `client_id` and one of `client_secret`, `private_key` and `certificate`; ' +
      'or take it out where the issuer is not to be asked.',
  },
  GH_POLICY_LOGIN: {
    files: { 'policy.yaml': requiring('{ session: main }') },
    remedy:
      'Give the issuer `login` with a `client_id`, and at most one of `client_secret`, `private_key` and `certificate`; or ' +
      'demand something else of the route. Where browsers log in at several issuers, each says `login.redirect`, and one at ' +
      'most `plain`; the hint has every redirect URI to register ([login](../guide/login.md#several-issuers)).',
  },
  GH_POLICY_ACCEPT: {
    files: {
      'policy.yaml': `${issuers}services:
${service('orders', route('orders.read', '/orders/**')).replace('    upstreams:', '    accept: [bearer, basic]\n    upstreams:')}`,
    },
    remedy:
      'Add `basic` with the scopes that the gate requests for each caller, to the service or to the route; or take ' +
      '`basic` out of `accept`.',
  },
  GH_POLICY_CREDENTIAL: {
    files: {
      'policy.yaml': `${issuers}services:
${service('orders', route('orders.read', '/orders/**')).replace(
  '    upstreams:',
  `    credentials:
      type: token_exchange
      issuer: main
      client_id: gatehouse
      client_secret: { env: SECRET }
    upstreams:`,
)}`,
    },
    remedy:
      'Add or remove the key that the message names. [Credentials for services](../guide/service-credentials.md) has examples.',
  },
  GH_POLICY_ROLE: {
    files: { 'policy.yaml': requiring('{ roles: { any: [manager] } }') },
    remedy: 'Map the role under `roles` of the service, or correct its name.',
  },
  GH_POLICY_REQUIREMENT: {
    files: { 'policy.yaml': requiring('{ scopes: {} }') },
    remedy: 'Say what is demanded, one kind in each mapping; join several by `all` or `any`. For everybody: `public`.',
  },
  GH_POLICY_CONTRADICTION: {
    files: { 'policy.yaml': requiring('{ addresses: { allow: [10.1.0.0/16], deny: [10.0.0.0/8] } }') },
    remedy: 'Change the part that leaves nothing. To close a route, delete it: what no route matches is refused.',
  },
  GH_POLICY_PATTERN: {
    files: { 'policy.yaml': publicPolicy(route('orders.read', '/orders//list')) },
    remedy: 'Write the path as the message has it, `*` for one whole segment, `**` only last, hosts in lower case.',
  },
  GH_POLICY_REWRITE: {
    files: {
      'policy.yaml': publicPolicy(`${route('orders.read', '/orders/**')}        rewrite: { strip_prefix: /order }\n`),
    },
    remedy: 'Use whole segments in normal form, by which every path of the route starts.',
  },
  GH_POLICY_LIMIT: {
    files: {
      'policy.yaml': publicPolicy(
        `${route('orders.read', '/orders/**')}        limits: [{ name: reads, by: subject, requests: 10, window: 1s }]\n`,
      ),
    },
    remedy: 'Without a token, limit by address or route. Give each limit of a route a different name.',
  },
  GH_POLICY_WEBSOCKET: {
    files: {
      'policy.yaml': publicPolicy(`${route('live', '/live/**')}        websocket: { token_in_protocol: true }\n`),
    },
    remedy:
      'Let the route match GET, give it a requirement if clients send tokens, and keep max_message within ' +
      '`streams.max_message` of the node.',
  },
  GH_POLICY_UPSTREAM_TLS: {
    files: {
      'policy.yaml': publicPolicy(route('orders', '/orders/**')).replace(
        '    routes:',
        '    upstream_tls: { server_name: orders.internal }\n    routes:',
      ),
    },
    remedy: 'Change the upstream to https, or remove `upstream_tls`.',
  },
  GH_POLICY_UPSTREAM_PROTOCOL: {
    files: {
      'policy.yaml': publicPolicy(route('orders', '/orders/**')).replace(
        '    routes:',
        '    protocol: h2\n    routes:',
      ),
    },
    remedy: 'Set `protocol: h2` for https upstreams and `h2c` for http upstreams; WebSocket routes need `http1`.',
  },
  GH_POLICY_CREDENTIALS: {
    files: {
      'policy.yaml': `${issuers}services:
  orders:
    upstreams: [http://orders:8080]
    credentials: token
    routes: [{ id: orders, match: { path: /orders/** }, require: { certificate: { issuer: x509:partners } } }]
`,
    },
    remedy:
      'Use `credentials: assertion`, which identifies these callers too, or let the route require a token in addition.',
  },
  GH_POLICY_ROUTE_ID: {
    files: { 'policy.yaml': publicPolicy(route('orders', '/orders/**') + route('orders', '/lists/**')) },
    remedy: 'Give each route a different id: logs and metrics identify routes by id.',
  },
  GH_POLICY_CONFLICT: {
    files: { 'policy.yaml': publicPolicy(route('orders.all', '/orders/**') + route('orders.rest', '/orders/**')) },
    remedy:
      'Give one of the routes another path, host or method. `GET` includes `HEAD`. Routes of one host and path agree on ' +
      '`fall_through`.',
  },
  GH_POLICY_WEAKER_ROUTE: {
    files: {
      'policy.yaml': `${issuers}services:
${service(
  'orders',
  `      - id: admin
        match: { host: api.example, path: /admin/** }
        require: { scopes: { all: [admin] } }
${route('pages', '/**')}`,
)}`,
    },
    remedy:
      'Give both routes the same host, or leave the host of the stronger one out. `gatehouse check --strict` makes an error of ' +
      'this warning.',
  },
}
