import type { ProblemCode } from '../../gateway/config/problem.ts'

/** Example for a problem code: files that cause the problem, and the remedy. */
export interface ErrorExample {
  /**
   * Files of the example by name. Several files without gatehouse.yaml form a policy folder. If gatehouse.yaml is
   * present, a node starts with the files, else `gatehouse check` reads them; tests.yaml contains tests of the policy.
   */
  readonly files: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** True to check gatehouse.yaml with `gatehouse check --config` instead of starting a node. */
  readonly checksSettings?: boolean
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
    remedy: 'Check the path, and that the user of the node can read the file. A folder must contain a `*.yaml` file.',
  },
  GH_CONFIG_TOO_LARGE: {
    files: { 'policy.yaml': `version: ${'['.repeat(65)}${']'.repeat(65)}\n` },
    remedy:
      'Split the policy into several files in one folder. Write repeated parts out instead of nesting aliases in aliases.',
  },
  GH_CONFIG_SYNTAX: {
    files: { 'policy.yaml': 'version: 1\nservices:\n\torders: {}\n' },
    remedy:
      'Indent with spaces, close every bracket and quote, write one document per file, and use no tags (`!…`) and no ' +
      'merge keys (`<<`).',
  },
  GH_CONFIG_DUPLICATE_KEY: {
    files: { 'policy.yaml': `${publicPolicy(route('orders.read', '/orders/**'))}version: 1\n` },
    remedy: 'Delete one of the two values of the key.',
  },
  GH_CONFIG_UNKNOWN_KEY: {
    files: {
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')).replace(
        '    routes:',
        '    timeout: { connect: 1s }\n    routes:',
      ),
    },
    remedy:
      'Correct the name of the key; the hint has the most similar known name. The [configuration reference](configuration.md) lists all keys.',
  },
  GH_CONFIG_NOT_YET: {
    files: { 'gatehouse.yaml': 'policy: { path: policy.yaml }\nwebhooks: {}\n' },
    remedy: 'Remove the key, or use a version of Gatehouse that supports it.',
  },
  GH_CONFIG_MISSING: {
    files: { 'policy.yaml': publicPolicy(`      - id: orders.read\n        match: { path: /orders/** }\n`) },
    remedy: 'Add the key. A route without authentication needs `require: public`.',
  },
  GH_CONFIG_VALUE: {
    files: {
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')).replace(
        '    routes:',
        '    timeouts: { connect: 2 }\n    routes:',
      ),
    },
    remedy: 'Write the value in the form that the message states. Durations and sizes always have a unit.',
  },
  GH_CONFIG_UNKNOWN_VARIABLE: {
    files: { 'gatehouse.yaml': 'policy: { path: policy.yaml }\n' },
    env: { GATEHOUSE_LISTN: '127.0.0.1:8080' },
    remedy:
      'Correct or unset the variable. The name for a setting is `GATEHOUSE_` and the path of its key in upper case, joined by `_`.',
  },
  GH_CONFIG_SECRET_INLINE: {
    files: {
      'gatehouse.yaml':
        'policy: { path: policy.yaml }\nkeys:\n  assertion:\n    - { id: k1, secret: "do not write it here" }\n',
    },
    remedy:
      'Move the secret into a file or an environment variable. Replace a secret that others can have read in the document.',
  },
  GH_CONFIG_SECRET: {
    files: {
      'gatehouse.yaml':
        'policy: { path: policy.yaml }\nkeys:\n  assertion:\n    - { id: k1, secret: { file: assertion.jwk } }\n',
    },
    remedy: 'Create the file (for keys: `gatehouse keys generate assertion`), and let the user of the node read it.',
  },
  GH_CONFIG_KEY_MISSING: {
    files: {
      'gatehouse.yaml': 'policy: { path: policy.yaml }\n',
      'policy.yaml': publicPolicy(route('orders.read', '/orders/**')),
    },
    remedy:
      'Generate a key with `gatehouse keys generate assertion` and list it under `keys.assertion`, or set ' +
      '`credentials: none` for services that need no assertion. Data in Redis are encrypted with a key of ' +
      '`gatehouse keys generate encryption`, which is listed under `keys.encryption`.',
  },
  GH_POLICY_OWNER: {
    files: {
      'a.yaml': publicPolicy(route('orders.read', '/orders/**')),
      'b.yaml': publicPolicy(route('orders.write', '/orders/new')),
    },
    remedy: 'Define each service and each issuer in one file only.',
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
      'Add `introspection` with a `client_id` and one of `client_secret`, `private_key` and `certificate` to the issuer; ' +
      'or remove it if the gate must not introspect tokens of the issuer.',
  },
  GH_POLICY_LOGIN: {
    files: { 'policy.yaml': requiring('{ session: main }') },
    remedy:
      'Add `login` with a `client_id`, and at most one of `client_secret`, `private_key` and `certificate`, to the issuer; or ' +
      'change the requirement of the route. Where browsers log in at several issuers, each needs `login.redirect`, of which ' +
      'at most one is `plain`; the hint has every redirect URI to register ([login](../guide/login.md#several-issuers)).',
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
      'Add or remove the key of the entry that the message names. [Credentials for services](../guide/service-credentials.md) has examples.',
  },
  GH_POLICY_ROLE: {
    files: { 'policy.yaml': requiring('{ roles: { any: [manager] } }') },
    remedy: 'Map the role under `roles` of the service, or correct its name.',
  },
  GH_POLICY_REQUIREMENT: {
    files: { 'policy.yaml': requiring('{ scopes: {} }') },
    remedy:
      'Add a condition: one kind of requirement per mapping, several of them under `all` or `any`. For a route without authentication, write `public`.',
  },
  GH_POLICY_CONTRADICTION: {
    files: { 'policy.yaml': requiring('{ addresses: { allow: [10.1.0.0/16], deny: [10.0.0.0/8] } }') },
    remedy:
      'Change the part of the requirement that no request can meet. To close a route, delete it: a request that no route matches is refused.',
  },
  GH_POLICY_PATTERN: {
    files: { 'policy.yaml': publicPolicy(route('orders.read', '/orders//list')) },
    remedy:
      'Write the path in the form that the message states: `*` for one whole segment, `**` only at the end, and hosts in lower case.',
  },
  GH_POLICY_REWRITE: {
    files: {
      'policy.yaml': publicPolicy(`${route('orders.read', '/orders/**')}        rewrite: { strip_prefix: /order }\n`),
    },
    remedy: 'Use a prefix of whole segments in normal form, with which every path of the route starts.',
  },
  GH_POLICY_LIMIT: {
    files: {
      'policy.yaml': publicPolicy(
        `${route('orders.read', '/orders/**')}        limits: [{ name: reads, by: subject, requests: 10, window: 1s }]\n`,
      ),
    },
    remedy: 'On a route without a token, limit by address or by route. Give each limit of a route a different name.',
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
  GH_POLICY_HEALTH: {
    files: {
      'policy.yaml': publicPolicy(route('orders', '/orders/**')).replace(
        '    routes:',
        '    health: { interval: 5s }\n    routes:',
      ),
    },
    remedy: 'Add `path` of a page that shows the health of the upstream, such as `/healthz`.',
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
      'Use `credentials: assertion`, which identifies these callers too, or require a token on the route in addition.',
  },
  GH_POLICY_ROUTE_ID: {
    files: { 'policy.yaml': publicPolicy(route('orders', '/orders/**') + route('orders', '/lists/**')) },
    remedy: 'Give each route a different id: logs and metrics identify routes by id.',
  },
  GH_POLICY_CONFLICT: {
    files: { 'policy.yaml': publicPolicy(route('orders.all', '/orders/**') + route('orders.rest', '/orders/**')) },
    remedy:
      'Give one of the routes another path, host or method. `GET` includes `HEAD`. Routes of one host and path must have ' +
      'the same `fall_through`.',
  },
  GH_POLICY_TEST: {
    files: {
      'policy.yaml': requiring('{ scopes: { all: ["orders:read"] } }'),
      'tests.yaml': `tests:
  - name: a token without scopes reads orders
    request: { url: /orders/7 }
    token: { sub: alice }
    expect: { reason: admitted }
`,
    },
    remedy: 'Correct the policy, or the expectation of the test. The message states the conditions that are not met.',
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
      'Give both routes the same host, or remove the host of the route with the stronger requirement. With ' +
      '`gatehouse check --strict` this warning is an error.',
  },
  GH_POLICY_LITERAL_SEGMENT: {
    files: { 'policy.yaml': publicPolicy(route('orders.read', '/orders/:id')) },
    remedy:
      'Write `*` for one segment of any text, and `/**` for all paths below. If clients really send the text with the ' +
      'colon, ignore the warning.',
  },
  GH_CONFIG_RISK: {
    files: {
      'policy.yaml': publicPolicy(route('orders.read', '/orders')),
      'gatehouse.yaml': 'policy: { path: policy.yaml }\nadmin: { bootstrap_token: { file: admin-token } }\n',
      'admin-token': 'bootstrap-token-of-the-documentation',
    },
    checksSettings: true,
    remedy: 'Do what the message says. The node starts in spite of the warning, and logs the same text.',
  },
}
