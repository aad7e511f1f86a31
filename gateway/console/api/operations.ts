// Written by `npm run docs` from the operations of the admin API. Change the operations, not this file.

/** Types of each operation of the admin API, by operation id. */
export interface AdminOperations {
  /** Show the status of this node. */
  show_status: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly node: string
      readonly version: string
      /** Start time of the node (RFC 3339). */
      readonly started_at: string
      /** Whether the node is ready for traffic. */
      readonly ready: boolean
      readonly policy: {
        readonly revision: string
        /** Time at which the node loaded the active policy (RFC 3339). */
        readonly loaded_at: string
        readonly services: number
        readonly routes: number
        /** Invalid policies that the node rejected since its start. */
        readonly rejected: number
      }
      /** Security relaxations in settings and policy, one entry each, for example `services.orders.credentials: token`. */
      readonly relaxations: readonly string[]
      /** Warnings about the settings, as logged at the start of the node. */
      readonly warnings: readonly string[]
      readonly issuers: readonly {
        readonly name: string
        /** Number of usable keys in the key set of the issuer. */
        readonly keys: number
        readonly ignored_keys: number
        /** Result of the last fetch of the key set; null before the first fetch. */
        readonly outcome: 'succeeded' | 'failed' | null
        /** Time since the last successful fetch of the key set, ms; null when there was none. */
        readonly age_ms: number | null
        readonly error: string | null
      }[]
      readonly upstreams: readonly {
        readonly service: string
        readonly origin: string
        /** Address to which the name of the upstream resolves. Null when the URL has an address, and while each connection looks the name up: before the first lookup, after failed lookups, and until a connection shows whether IPv4 or IPv6 works. */
        readonly address: string | null
        /** Protocol in which the gate calls the upstream. */
        readonly protocol: 'http1' | 'h2' | 'h2c'
        /** Open connections of the node to the upstream. */
        readonly connections: number
        /** True while the node avoids the upstream because a connection to it failed. */
        readonly resting: boolean
        /** Weight of the upstream in the policy. The addresses of the upstream share it. */
        readonly weight: number
        /** Calls of the node to the upstream that are in flight, WebSockets included. */
        readonly calls: number
        /** Maximum number of concurrent calls: max_calls, or with concurrency adaptive the current limit of the calls that wait for their reply. */
        readonly limit: number
        /** State of the upstream on the node: up, slow-start after an outage, resting after a failed connection, ejected as an outlier, failing its health checks, drained, or unresolved: its name has no address. Only up and slow-start get calls, unless no upstream of the service is in these states. */
        readonly state: 'up' | 'slow-start' | 'resting' | 'ejected' | 'failing' | 'drained' | 'unresolved'
        /** Outcome of the latest health check; null before the first one, and without health checks. */
        readonly check: string | null
      }[]
      /** DNS names of upstreams, as the node has resolved them. */
      readonly names: readonly {
        readonly name: string
        /** Addresses that the upstreams with this name use, at most 64. */
        readonly addresses: readonly string[]
        /** Time since the latest successful DNS lookup of the name, ms; null before it. */
        readonly age_ms: number | null
        /** Why the latest DNS lookup of the name failed; null when it succeeded. */
        readonly error: string | null
      }[]
      /** Kinds of credentials that each service receives, without their values. */
      readonly credentials: readonly {
        readonly service: string
        readonly types: readonly string[]
      }[]
      /** Certificates, secrets and keys of this node that end at a known time, the earliest first. */
      readonly expiries: readonly {
        readonly kind: 'certificate' | 'client-ca' | 'revocation-list' | 'client-certificate' | 'upstream-ca' | 'upstream-certificate' | 'issuer-keys' | 'secret' | 'key' | 'refresh-token'
        readonly name: string
        /** Time at which the certificate, secret, key or token expires (RFC 3339). */
        readonly expires_at: string
        /** Whether the entry ends regularly and is renewed without an operator, as the refresh tokens of sessions. Such an entry causes no warning. */
        readonly routine: boolean
      }[]
      /** Tokens of the gate for services (client credentials) on this node, without their values. */
      readonly grants: readonly {
        readonly issuer: string
        readonly client_id: string
        /** Time at which the token expires (RFC 3339); null without a token. */
        readonly expires_at: string | null
        /** Why the last token request to the issuer failed; null when it succeeded. */
        readonly problem: string | null
      }[]
      readonly in_flight: number
      readonly connections: number
      /** Overload protection of the node. */
      readonly overload: {
        readonly mode: 'shed' | 'observe' | 'off'
        /** Number of classes of requests, of 9, of which the node sheds at least a part because of the event loop or the memory; 0 without overload. */
        readonly level: number
        /** Median delay of the event loop in the last 100 ms, ms. */
        readonly delay_ms: number
        /** Part of the last 100 ms in which the event loop did not wait for events, 0 to 1. */
        readonly busy: number
        /** Admitted exchanges in progress, without event streams and WebSockets. */
        readonly in_flight: number
        /** Used part of the memory limit of the process or of its JavaScript heap, 0 to 1. */
        readonly memory: number
        /** Requests that the node shed since its start; with `overload.mode: observe`, that it would have shed. */
        readonly shed: number
      }
      readonly tokens: {
        readonly cached: number
        readonly capacity: number
        readonly verifications: number
      }
      readonly log_lines_lost: number
      /** State of the cluster on this node; null when the node runs without Redis. */
      readonly cluster: {
        /** Whether the last request to Redis succeeded and no other node uses the id of this node. */
        readonly in_contact: boolean
        /** Whether the node has loaded the state of the cluster since its start. Stays true when the node loses contact and joins again. */
        readonly caught_up: boolean
        /** Epoch of the data in Redis. A new epoch means that Redis lost its data. null before the first contact. */
        readonly epoch: string | null
        /** Position of the last event of the cluster that this node has applied. */
        readonly position: string
        /** Time since the state of the cluster on this node was last confirmed as current, ms; null before the first confirmation. */
        readonly age_ms: number | null
        /** Maximum `age_ms`. Above it, the node rejects requests that depend on revocations. */
        readonly bound_ms: number
        readonly events_applied: number
        /** Events of the cluster that the node skipped, because its version does not know their kind. */
        readonly events_unknown: number
        /** Full loads of the cluster state by this node: at its start, after a gap in the events, and after a loss of Redis data. */
        readonly joins: number
      } | null
      /** Revocations in the memory of the node; null when the node runs without Redis. */
      readonly revocations: {
        readonly held: number
        /** Memory that the revocations use, bytes. */
        readonly bytes: number
      } | null
      /** State of the audit log; null when the node runs without Redis. */
      readonly audit: {
        /** Id of the audit chain of this run of the node. */
        readonly chain: string
        /** Whether Redis accepts audit records. */
        readonly in_contact: boolean
        /** Audit records that the node accepted since its start, including records that are not in Redis yet. */
        readonly records: number
        /** Audit records that were lost because Redis, disk and memory had no space. */
        readonly lost: number
        /** Age of the oldest audit record that is not in Redis yet, ms. */
        readonly oldest_unsent_ms: number
        /** Size of sealed audit records in memory that are not in Redis yet, bytes. */
        readonly memory_bytes: number
        /** Files for audit records that Redis does not accept; null when the settings have no `audit.spill`. */
        readonly spill: {
          readonly bytes: number
          readonly max_bytes: number
        } | null
        /** Redis memory that the audit log uses, bytes. In Redis Cluster: the shard to which this node writes. */
        readonly log_bytes: number
        /** Why audit records are not in Redis yet; null when there is no problem. */
        readonly trouble: string | null
      } | null
    }
  }
  /** List the nodes of the cluster. */
  list_nodes: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly nodes: readonly {
        /** `node.id` in the settings of the node. */
        readonly id: string
        /** Address at which the node accepts requests of clients. */
        readonly address: string
        /** Version of Gatehouse on the node. */
        readonly version: string
        /** Revision of the active policy: the first 12 hexadecimal digits of its `hash` among the revisions, or of the SHA-256 of the text of a policy file. */
        readonly revision: string
        /** Number of the active revision of the cluster policy; `null` for a policy from a file. */
        readonly policy_number: number | null
        /** Number of the activation of the revision `policy_number`. Rises with every policy change, also with a rollback. */
        readonly policy_sequence: number | null
        /** Number of a later policy activation that the node could not apply; `null` when the node is up to date. */
        readonly policy_failed: number | null
        /** Whether the node tries the revision `policy_number` as a canary, while other nodes enforce the previous revision. */
        readonly policy_canary: boolean
        /** Position in the event log of the cluster up to which the node has applied all events. */
        readonly position: string
        /** Time by which `position` is behind the newest event of the cluster, ms. */
        readonly lag_ms: number
        /** Time since the node last renewed its lease in Redis, ms; a running node renews it several times per second. `null`: the node did not state the duration of its lease. */
        readonly heard_ms: number | null
      }[]
    }
  }
  /** List the workers and their job queues. */
  list_queues: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      /** Ids of the workers (`node.id` in their settings). */
      readonly workers: readonly string[]
      readonly queues: readonly {
        /** Kind of the jobs, and the issuer or audit sink that they concern: `refresh:corp`. */
        readonly queue: string
        /** Jobs that wait for a worker. */
        readonly waiting: number
        /** Jobs that workers process now. */
        readonly active: number
        /** Jobs that wait for their scheduled time or for a retry. */
        readonly delayed: number
        /** Jobs that failed after all retries. The queue keeps the newest ones. */
        readonly failed: number
        /** Age of the oldest waiting job, ms; 0 when no job waits. */
        readonly lag_ms: number
        /** Workers that process the queue; null when Redis refuses to list its clients. */
        readonly workers: number | null
        /** Why the newest failed job failed. */
        readonly last_failure: string | null
      }[]
    }
  }
  /** List certificates, secrets and keys that expire. */
  list_expiries: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly node: string
      readonly expiries: readonly {
        readonly kind: 'certificate' | 'client-ca' | 'revocation-list' | 'client-certificate' | 'upstream-ca' | 'upstream-certificate' | 'issuer-keys' | 'secret' | 'key' | 'refresh-token'
        readonly name: string
        /** Time at which the certificate, secret, key or token expires (RFC 3339). */
        readonly expires_at: string
        /** Whether the entry ends regularly and is renewed without an operator, as the refresh tokens of sessions. Such an entry causes no warning. */
        readonly routine: boolean
      }[]
    }
  }
  /** Check Redis, the issuers and the services that this node depends on. */
  check_node: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly node: string
      /** Time at which the checks started (RFC 3339). */
      readonly started_at: string
      readonly findings: readonly {
        /** Kind of the check, such as `discovery`. */
        readonly check: string
        /** Subject of the check, such as `issuer corp`. */
        readonly subject: string
        /** `unknown`: the check could not find out whether the subject works. */
        readonly result: 'ok' | 'failed' | 'unknown'
        /** Finding of the check. It contains no secret. */
        readonly detail: string
        /** How to correct a problem that the check found; `null` for `ok`. */
        readonly remedy: string | null
      }[]
    }
  }
  /** Accept the loss of Redis data. */
  accept_loss: {
    query: undefined
    path: undefined
    body: Readonly<Record<string, unknown>>
    reply: {
      readonly accepted: true
    }
  }
  /** Explain what the node would do with a request, and why. */
  explain_request: {
    query: undefined
    path: undefined
    body: {
      /** Request method, as the client would send it. */
      readonly method: string
      /** Absolute URL, as the client would send it. A path is resolved against `public_url`. */
      readonly url: string
      /** Access token of the request. It is verified like the token of a real request, and is never recorded. With a DPoP field in `fields`, it is sent with the scheme DPoP; the proof is not used up. */
      readonly token?: string
      /** Id of the login session of the request, instead of a token. Needs the scope gatehouse:sessions too. The session is refreshed if a real request would refresh it; its use is not recorded. */
      readonly session?: string
      /** Client certificate of the request in PEM, followed by its intermediate CAs. The node checks it like a certificate that a listed proxy states. */
      readonly certificate?: string
      /** HTTP version of the request. Default: 2 for a gRPC call if the node has `listen_h2`, else 1.1. With 2, a request has a body if its Content-Length is not 0, or if it is a gRPC call. */
      readonly http_version?: '2' | '1.1'
      /** Further header fields of the request: pairs of name and value, 100 at most. */
      readonly fields?: readonly [string, string][]
      /** IP address of the client. Default 127.0.0.1. */
      readonly address?: string
    }
    reply: {
      readonly decision: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken'
      /** Reason from the list in docs/reference/reasons.md. */
      readonly reason: string
      readonly why: string
      /** What to do first when the request should be admitted; null when `why` says it. */
      readonly first_step: string | null
      /** Result of the signature check; null when the request had no token. */
      readonly signature: 'passed' | 'failed' | 'not reached' | 'not checked' | 'verified' | null
      /** Node that explained the request. */
      readonly node: string
      /** Revision of the active policy. */
      readonly revision: string
      readonly request: {
        readonly method: string
        readonly host: string
        /** Path in normal form; null when the path is invalid. */
        readonly path: string | null
        readonly http_version: '2' | '1.1'
        readonly address: string
        readonly at: string
      }
      /** Phases that ran, in order. The last phase decided. */
      readonly phases: readonly string[]
      readonly route: {
        readonly id: string
        readonly service: string
        /** Host pattern of the route; null: the route matches every host. */
        readonly host: string | null
        readonly path: string
        readonly methods: readonly string[]
      } | null
      /** Similar routes, when no route matched. */
      readonly nearest: readonly {
        readonly id: string
        readonly service: string
        /** Host pattern of the route; null: the route matches every host. */
        readonly host: string | null
        readonly path: string
        readonly methods: readonly string[]
      }[]
      readonly addresses: {
        readonly listed: boolean
        readonly permitted: boolean
      } | null
      readonly token: {
        readonly issuer: {
          readonly name: string
          readonly issuer: string
        } | null
        readonly checks: readonly {
          readonly check: 'form' | 'introspection' | 'issuer' | 'header' | 'claims' | 'signature' | 'possession' | 'accepted'
          readonly verdict: 'passed' | 'failed' | 'not reached' | 'not checked'
          readonly reason: string | null
          /** Values that the check compared. Never contains any part of the token text. */
          readonly detail: string | null
        }[]
        /** Keys of the issuer that the gate does not use, with the reason. */
        readonly ignored_keys: readonly {
          readonly kid?: string
          readonly why: string
        }[]
        /** Claims of the token. The gate trusts them only when every check passed. */
        readonly claims: {
          readonly subject: string
          readonly client: string | null
          readonly audience: readonly string[]
          readonly scopes: readonly string[]
          readonly roles: readonly string[]
          readonly issued_at: string | null
          readonly expires_at: string | null
          readonly acr: string | null
        } | null
      } | null
      /** Login session of the request; null without one. */
      readonly session: {
        readonly id: string
        readonly subject: string
        readonly issuer: string
        /** Time at which the issuer stated the claims about the user. */
        readonly claims_at: string | null
        /** Names of the claims about the user that the request has. */
        readonly claims: readonly string[]
        readonly scopes: readonly string[]
        readonly roles: readonly string[]
        readonly ends_at: string | null
      } | null
      /** Requirement of the route; null for a public route, and when no route matched. */
      readonly requirement: {
        readonly demand: string
        /** Whether the requirement is met; null when it was not evaluated, because no token was accepted. */
        readonly met: boolean | null
        readonly reason: string | null
        /** Nested requirements, each with these same members. */
        readonly parts: readonly Readonly<Record<string, unknown>>[]
      } | null
      /** Requirement in shadow mode, which has no effect on the decision. */
      readonly shadow: {
        readonly verdict: string | null
        readonly requirement: {
          readonly demand: string
          /** Whether the requirement is met; null when it was not evaluated, because no token was accepted. */
          readonly met: boolean | null
          readonly reason: string | null
          /** Nested requirements, each with these same members. */
          readonly parts: readonly Readonly<Record<string, unknown>>[]
        }
      } | null
      /** Rate limits of the route; null when no route matched. */
      readonly limits: readonly {
        readonly limit: string
        readonly by: readonly string[]
        /** Key of the window that would count the request; null when an earlier phase ended the request. */
        readonly bucket: Readonly<Record<string, unknown>> | null
        /** Maximum number of requests in the window; null for a limit that counts messages. */
        readonly requests: number | null
        /** Maximum number of messages of WebSockets on one node; null for a limit that counts requests. */
        readonly messages: number | null
        readonly window_ms: number
        readonly cost: number
        /** node: each node counts by itself. */
        readonly mode: 'exact' | 'leased' | 'node'
        /** Shadow mode: the limit is counted and recorded but never enforced. */
        readonly shadow: boolean
        readonly charged: false
        /** Requests in the window that the cluster has admitted; null when unknown. */
        readonly used: number | null
        /** Part of `used` that nodes hold as unused permits; null when unknown. */
        readonly held: number | null
      }[] | null
      /** Effective `on_outage` of the route; null when no route matched. */
      readonly on_outage: {
        readonly limits: string
        readonly revocation: string
        readonly replay: string
        /** Absent: `introspection.stale` of the issuer. */
        readonly introspection?: string
      } | null
      readonly service_receives: {
        readonly upstreams: readonly string[]
        /** Kind of the credential of the service, and the field that contains it. The value is never shown. */
        readonly credential: {
          readonly type: string
          readonly field: string | null
        }
        readonly method: string
        readonly path: string
        readonly query: 'as sent' | null
        readonly fields: readonly {
          readonly name: string
          /** Value of the header field; null when the value is hidden. */
          readonly value: string | null
          readonly from: 'gate' | 'client'
        }[]
        /** Claims of the identity assertion, without a signature. */
        readonly assertion: Readonly<Record<string, unknown>> | null
      } | null
      /** The gate's own reply; null when the service would reply. */
      readonly reply: {
        /** HTTP status, as the log has it. A gRPC client gets 200 and `grpc_status`. */
        readonly status: number
        /** Status of gRPC; null when the request is no gRPC call. */
        readonly grpc_status: number | null
        readonly code: string
        readonly challenge: string | null
        readonly fields: readonly [string, string][]
        /** Whether the gate closes the connection after the reply. */
        readonly closes: boolean
      } | null
      /** Fault that ended the request, for operators; null when there was none. */
      readonly fault: string | null
    }
  }
  /** Compare a policy with a revision by its effect. */
  compare_policy: {
    query: undefined
    path: undefined
    body: {
      /** The whole policy: its files, at most 1 MiB in all. */
      readonly files?: readonly {
        /** Name of the policy file without folder, such as `orders.yaml`. */
        readonly name: string
        /** Text of the policy file. */
        readonly text: string
      }[]
      /** Name of a service. Compares only a change of this service: the other files are those of the revision `from`. */
      readonly only?: string
      /** Number of the policy revision to compare as the new policy, instead of `files`. */
      readonly to?: number
      /** Number of the policy revision to compare as the old policy. Default: the active revision. */
      readonly from?: number
    }
    reply: {
      /** Number of the policy revision that was compared as the old policy. */
      readonly from: number
      /** Whether the old and the new policy have the same effect. All lists of differences are then empty. */
      readonly equal: boolean
      /** False: the new policy admits no request that the old policy rejects or rate-limits. True: it may do so. */
      readonly widens: boolean
      readonly routes: readonly {
        /** Id of the route. */
        readonly route: string
        readonly service: string
        /** `public`: the route has become public. `wider`: some requests may be admitted that were not before. `narrower`: no request is admitted that was not before. `changed`: both more and fewer requests may be admitted. `unreachable`: no request can be admitted. `settings`: the same requests are admitted, and other keys have changed. */
        readonly change: 'added' | 'removed' | 'public' | 'wider' | 'narrower' | 'changed' | 'unreachable' | 'settings'
        /** Whether the route may admit a request that no route admitted before. */
        readonly widens: boolean
        readonly public: boolean
        /** Keys of the route that have another effective value in the new policy. */
        readonly keys: readonly {
          readonly key: string
          readonly effect: 'none' | 'narrower' | 'wider' | 'incomparable'
          readonly before?: unknown
          readonly after?: unknown
        }[]
        /** Other routes of the old policy whose requests this route now matches; `null`: requests that matched no route. */
        readonly takes: readonly {
          readonly from: string | null
          readonly effect: 'none' | 'narrower' | 'wider' | 'incomparable'
        }[]
        /** Routes of the new policy that now match requests of this route; `null`: requests that now match no route. */
        readonly loses: readonly (string | null)[]
      }[]
      readonly limits: readonly {
        /** Path of the changed entry in the policy, such as `services.orders.limits[burst]`. */
        readonly place: string
        readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
        readonly widens: boolean
        readonly before?: unknown
        readonly after?: unknown
      }[]
      readonly credentials: readonly {
        /** Path of the changed entry in the policy, such as `services.orders.limits[burst]`. */
        readonly place: string
        readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
        readonly widens: boolean
        readonly before?: unknown
        readonly after?: unknown
      }[]
      readonly upstreams: readonly {
        /** Path of the changed entry in the policy, such as `services.orders.limits[burst]`. */
        readonly place: string
        readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
        readonly widens: boolean
        readonly before?: unknown
        readonly after?: unknown
      }[]
      readonly issuers: readonly {
        /** Path of the changed entry in the policy, such as `services.orders.limits[burst]`. */
        readonly place: string
        readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
        readonly widens: boolean
        readonly before?: unknown
        readonly after?: unknown
      }[]
      readonly services: readonly {
        /** Path of the changed entry in the policy, such as `services.orders.limits[burst]`. */
        readonly place: string
        readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
        readonly widens: boolean
        readonly before?: unknown
        readonly after?: unknown
      }[]
      readonly relaxations: {
        readonly added: readonly string[]
        readonly removed: readonly string[]
      }
      /** Parts of the change that the caller may not apply as owner of the service `only`. Absent for other callers. */
      readonly not_granted?: readonly {
        readonly code: 'GH_POLICY_NOT_GRANTED'
        readonly message: string
        /** Path of the refused change in the policy. Routes are named by their ids. */
        readonly path: string
        readonly file?: string
        readonly line?: number
        readonly column?: number
        /** What the owner is allowed to do, and the remedy. */
        readonly hint: string
      }[]
    }
  }
  /** Make a policy the active policy of the cluster. */
  apply_policy: {
    query: undefined
    path: undefined
    body: {
      /** The whole policy: its files, at most 1 MiB in all. */
      readonly files: readonly {
        /** Name of the policy file without folder, such as `orders.yaml`. */
        readonly name: string
        /** Text of the policy file. */
        readonly text: string
      }[]
      /** Changes this service only: the file of the service replaces its file in the active revision, and other files of the call are ignored. Both must have a file that defines only this service. */
      readonly only?: string
      /** Number of the revision that the caller compared with. If another one is active, the reply is 409. */
      readonly against?: number
      /** Tries the policy on some nodes first, and compares each route with the other nodes. The rollout ends by itself: the policy is promoted to all nodes, or withdrawn. */
      readonly canary?: {
        /** Share of the nodes that try the policy, percent: rounded up, at least one node, never all. */
        readonly percent: number
        /** Duration of the comparison, s; at most a day. */
        readonly for_s: number
        /** Largest accepted difference of the share of faults (5xx) of a route, percent: on the canary nodes minus on the others. */
        readonly max_faults_percent: number
        /** Largest accepted difference of the share of refused requests of a route, percent: on the canary nodes minus on the others. */
        readonly max_new_denials_percent: number
      }
      /** Reason of the policy change, stored in the new revision. */
      readonly message?: string
      /** Longest wait for the acknowledgements of the nodes, ms. Default 10000. */
      readonly wait_ms?: number
    }
    reply: {
      readonly outcome: 'activated'
      /** Id of the policy change. */
      readonly id: string
      /** Number of the new policy revision. */
      readonly number: number
      /** Number of the activation of the revision. Each activation has a higher number than all earlier ones. */
      readonly sequence: number
      /** Nodes that enforce the revision, each with the time until its acknowledgement, ms. */
      readonly acknowledged: readonly {
        readonly node: string
        readonly ms: number
      }[]
      /** Nodes that have not acknowledged the activation. */
      readonly missing: readonly string[]
      /** Time that the call waited for the acknowledgements, ms. */
      readonly waited_ms: number
      /** Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`. */
      readonly fenced_by: string
      /** Routes that a node without contact to Redis still serves by the previous revision: they were public, or had `on_outage.revocation: stale`. */
      readonly not_fenced: readonly string[]
    } | {
      readonly outcome: 'unchanged'
      /** Number of the active policy revision, which has the same files: the call changed nothing. */
      readonly number: number
    } | {
      /** Some nodes try the revision as a canary. */
      readonly outcome: 'started'
      /** Id of the policy change. */
      readonly id: string
      /** Number of the new policy revision. */
      readonly number: number
      /** Number of the activation of the revision. Each activation has a higher number than all earlier ones. */
      readonly sequence: number
      /** Nodes that enforce the revision, each with the time until its acknowledgement, ms. */
      readonly acknowledged: readonly {
        readonly node: string
        readonly ms: number
      }[]
      /** Nodes that have not acknowledged the activation. */
      readonly missing: readonly string[]
      /** Time that the call waited for the acknowledgements, ms. */
      readonly waited_ms: number
      /** Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`. */
      readonly fenced_by: string
      /** Routes that a node without contact to Redis still serves by the previous revision: they were public, or had `on_outage.revocation: stale`. */
      readonly not_fenced: readonly string[]
      /** Nodes that try the revision. */
      readonly canary_nodes: readonly string[]
    }
  }
  /** Activate the content of an earlier revision again. */
  rollback_policy: {
    query: undefined
    path: undefined
    body: {
      /** Number of the earlier policy revision to activate again. Default: the revision before `against`. */
      readonly to?: number
      /** Number of the policy revision to undo. If another one is active, the reply is 409, so that a call that is sent again after a lost reply does not undo a second revision. */
      readonly against?: number
      /** Reason of the policy change, stored in the new revision. */
      readonly message?: string
      /** Longest wait for the acknowledgements of the nodes, ms. Default 10000. */
      readonly wait_ms?: number
    }
    reply: {
      readonly outcome: 'activated'
      /** Id of the policy change. */
      readonly id: string
      /** Number of the new policy revision. */
      readonly number: number
      /** Number of the activation of the revision. Each activation has a higher number than all earlier ones. */
      readonly sequence: number
      /** Nodes that enforce the revision, each with the time until its acknowledgement, ms. */
      readonly acknowledged: readonly {
        readonly node: string
        readonly ms: number
      }[]
      /** Nodes that have not acknowledged the activation. */
      readonly missing: readonly string[]
      /** Time that the call waited for the acknowledgements, ms. */
      readonly waited_ms: number
      /** Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`. */
      readonly fenced_by: string
      /** Routes that a node without contact to Redis still serves by the previous revision: they were public, or had `on_outage.revocation: stale`. */
      readonly not_fenced: readonly string[]
    } | {
      readonly outcome: 'unchanged'
      /** Number of the active policy revision, which has the same files: the call changed nothing. */
      readonly number: number
    }
  }
  /** List the revisions of the policy of the cluster. */
  list_revisions: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      /** Number of the active revision of this node. */
      readonly active: number
      /** Number of the activation of the active revision. */
      readonly sequence: number
      /** Number of the revision that was active before; `null` when it is not kept. A withdrawn revision was never active. */
      readonly before: number | null
      readonly revisions: readonly {
        /** Number of the policy revision, from 1. A number is never used again. */
        readonly number: number
        /** SHA-256 of the policy files with their names, in hexadecimal. */
        readonly hash: string
        /** Subject of the token of the caller that made the revision. */
        readonly author: string
        /** Reason of the policy change; empty when none was given. */
        readonly message: string
        /** Time at which the revision was created (RFC 3339). */
        readonly time: string
      }[]
    }
  }
  /** Show a revision of the policy of the cluster. */
  show_revision: {
    query: undefined
    path: {
      /** Number of the revision. */
      readonly number: string
    }
    body: undefined
    reply: {
      /** Number of the policy revision, from 1. A number is never used again. */
      readonly number: number
      /** SHA-256 of the policy files with their names, in hexadecimal. */
      readonly hash: string
      /** Subject of the token of the caller that made the revision. */
      readonly author: string
      /** Reason of the policy change; empty when none was given. */
      readonly message: string
      /** Time at which the revision was created (RFC 3339). */
      readonly time: string
      /** Whether this node enforces the revision. */
      readonly active: boolean
      /** The files of the policy. */
      readonly files: readonly {
        readonly name: string
        readonly text: string
      }[]
    }
  }
  /** Show the running rollout of a revision, and how the last one ended. */
  show_rollout: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      /** The running rollout; `null` when no rollout runs. */
      readonly running: {
        /** Number of the policy revision that some nodes try. */
        readonly number: number
        /** Number of the active revision, which the other nodes enforce. */
        readonly base: number
        /** Number of the activation with which the rollout began. */
        readonly sequence: number
        readonly author: string
        readonly message: string
        /** Time at which the rollout started (RFC 3339). */
        readonly started: string
        /** Time at which the comparison of the nodes ends (RFC 3339). */
        readonly ends: string
        /** Time until the end of the comparison, s; 0 when the end has passed. */
        readonly left_s: number
        readonly max_faults_percent: number
        readonly max_new_denials_percent: number
        /** Nodes that were chosen to try the revision. */
        readonly nodes: readonly {
          readonly node: string
          /** `unable`: the node cannot enforce the revision. `gone`: the node has stopped or was restarted. */
          readonly state: 'starting' | 'enforces' | 'unable' | 'gone'
          readonly problem: string | null
        }[]
        /** Requests by route since the start of the rollout, for at most 100 routes: the largest differences first. */
        readonly routes: readonly {
          /** Id of the route; `null`: requests that match no route of both revisions, as a share of all requests. */
          readonly route: string | null
          readonly canary: {
            readonly requests: number
            /** Number of requests that the gate refused or redirected to a login. */
            readonly denials: number
            /** Number of requests that the gate or the service answered with 5xx. */
            readonly faults: number
          }
          readonly others: {
            readonly requests: number
            /** Number of requests that the gate refused or redirected to a login. */
            readonly denials: number
            /** Number of requests that the gate or the service answered with 5xx. */
            readonly faults: number
          }
        }[]
        /** Number of routes that `routes` leaves out. */
        readonly routes_omitted: number
      } | null
      /** The last rollout that has ended; `null` when there was none. */
      readonly last: {
        /** `undecided`: withdrawn, because a compared route had less than 100 requests on a side, or the canary nodes stopped or restarted. */
        readonly outcome: 'promoted' | 'withdrawn' | 'undecided' | 'aborted'
        /** Cause of the end of the rollout, with route and figures. */
        readonly why: string
        /** Number of the policy revision that the rollout tried. */
        readonly number: number
        /** Number of the policy revision that the other nodes enforced. */
        readonly base: number
        /** Number of the activation with which the rollout began. */
        readonly sequence: number
        /** Caller that started the rollout. */
        readonly author: string
        /** Caller or node that ended the rollout. */
        readonly by: string
        readonly started: string
        readonly ended: string
      } | null
    }
  }
  /** Activate the revision of the running rollout on all nodes. */
  promote_rollout: {
    query: undefined
    path: undefined
    body: {
      /** Number of the policy revision that the rollout tries. If another rollout runs, the reply is 409. Default: any rollout. */
      readonly number?: number
      /** Longest wait for the acknowledgements of the nodes, ms. Default 10000. */
      readonly wait_ms?: number
    }
    reply: {
      readonly rollout: {
        /** `undecided`: withdrawn, because a compared route had less than 100 requests on a side, or the canary nodes stopped or restarted. */
        readonly outcome: 'promoted' | 'withdrawn' | 'undecided' | 'aborted'
        /** Cause of the end of the rollout, with route and figures. */
        readonly why: string
        /** Number of the policy revision that the rollout tried. */
        readonly number: number
        /** Number of the policy revision that the other nodes enforced. */
        readonly base: number
        /** Number of the activation with which the rollout began. */
        readonly sequence: number
        /** Caller that started the rollout. */
        readonly author: string
        /** Caller or node that ended the rollout. */
        readonly by: string
        readonly started: string
        readonly ended: string
      }
      readonly receipt: {
        /** Id of the policy change. */
        readonly id: string
        /** Number of the new policy revision. */
        readonly number: number
        /** Number of the activation of the revision. Each activation has a higher number than all earlier ones. */
        readonly sequence: number
        /** Nodes that enforce the revision, each with the time until its acknowledgement, ms. */
        readonly acknowledged: readonly {
          readonly node: string
          readonly ms: number
        }[]
        /** Nodes that have not acknowledged the activation. */
        readonly missing: readonly string[]
        /** Time that the call waited for the acknowledgements, ms. */
        readonly waited_ms: number
        /** Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`. */
        readonly fenced_by: string
        /** Routes that a node without contact to Redis still serves by the previous revision: they were public, or had `on_outage.revocation: stale`. */
        readonly not_fenced: readonly string[]
      }
    }
  }
  /** End the running rollout without a change of the active revision. */
  abort_rollout: {
    query: undefined
    path: undefined
    body: {
      /** Number of the policy revision that the rollout tries. If another rollout runs, the reply is 409. Default: any rollout. */
      readonly number?: number
      /** Longest wait for the acknowledgements of the nodes, ms. Default 10000. */
      readonly wait_ms?: number
    }
    reply: {
      readonly rollout: {
        /** `undecided`: withdrawn, because a compared route had less than 100 requests on a side, or the canary nodes stopped or restarted. */
        readonly outcome: 'promoted' | 'withdrawn' | 'undecided' | 'aborted'
        /** Cause of the end of the rollout, with route and figures. */
        readonly why: string
        /** Number of the policy revision that the rollout tried. */
        readonly number: number
        /** Number of the policy revision that the other nodes enforced. */
        readonly base: number
        /** Number of the activation with which the rollout began. */
        readonly sequence: number
        /** Caller that started the rollout. */
        readonly author: string
        /** Caller or node that ended the rollout. */
        readonly by: string
        readonly started: string
        readonly ended: string
      }
      readonly receipt: {
        /** Id of the policy change. */
        readonly id: string
        /** Number of the new policy revision. */
        readonly number: number
        /** Number of the activation of the revision. Each activation has a higher number than all earlier ones. */
        readonly sequence: number
        /** Nodes that enforce the revision, each with the time until its acknowledgement, ms. */
        readonly acknowledged: readonly {
          readonly node: string
          readonly ms: number
        }[]
        /** Nodes that have not acknowledged the activation. */
        readonly missing: readonly string[]
        /** Time that the call waited for the acknowledgements, ms. */
        readonly waited_ms: number
        /** Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`. */
        readonly fenced_by: string
        /** Routes that a node without contact to Redis still serves by the previous revision: they were public, or had `on_outage.revocation: stale`. */
        readonly not_fenced: readonly string[]
      }
    }
  }
  /** Revoke a token, or all tokens of a session, subject, client or issuer. */
  revoke: {
    query: {
      /** Longest wait for the acknowledgements of the nodes: a duration such as `2s`, at most `5m`. The reply comes as soon as every node has acknowledged or `fenced_by` has passed. `all`: `5m`. `none`: reply at once. Default `none`. */
      readonly wait?: string
      /** `1`: reply when the disk of Redis has confirmed the write. Default `0`. */
      readonly durable?: '0' | '1'
    }
    path: undefined
    body: {
      readonly kind: 'token'
      /** Access token to revoke. */
      readonly token: string
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. For an opaque token, only this issuer is asked. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    } | {
      readonly kind: 'jti'
      readonly id: string
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    } | {
      readonly kind: 'session'
      readonly id: string
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    } | {
      readonly kind: 'subject'
      readonly id: string
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    } | {
      readonly kind: 'client'
      readonly id: string
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    } | {
      readonly kind: 'issuer'
      /** Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`. */
      readonly issuer: string
      /** Latest issue time of the revoked tokens (RFC 3339). */
      readonly before: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    }
    reply: {
      /** Id of the revocation. */
      readonly id: string
      /** Position of the revocation in the event log of the cluster. */
      readonly position: string
      /** Nodes that already reject the revoked tokens, each with the time until its acknowledgement, ms. */
      readonly acknowledged: readonly {
        readonly node: string
        readonly ms: number
      }[]
      /** Nodes that have not acknowledged the revocation. Without a wait, usually all nodes. */
      readonly missing: readonly string[]
      /** Time that the call waited for the acknowledgements, ms. */
      readonly waited_ms: number
      /** Time from which no node admits the revoked tokens, even a node that is partitioned or stopped (RFC 3339). */
      readonly fenced_by: string
      /** Time from the write to the event log until `fenced_by`, ms. */
      readonly max_staleness_ms: number
      /** Number of Redis replicas that confirmed the write of the revocation. */
      readonly replicas: number
      /** Whether Redis confirmed that the event is on its disk. */
      readonly fsynced: boolean
      /** For a single token: how nodes recognize it. `signed-text`: a JWT, by its signed part. `jti`: an opaque token, by its text and by the `jti` in its introspection response. `answer`: an opaque token, by its text and by its introspection response. `text`: an opaque token, by its text only; a different text that the issuer accepts as the same token may be admitted. */
      readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
    }
  }
  /** List active windows of rate limits, of this node or of all nodes by their summaries. */
  list_limits: {
    query: {
      /** Only windows of the limit with this name. */
      readonly limit?: string
      /** `cluster`: those in the summaries of all nodes. Default: `node`, those of the node that replies. */
      readonly scope?: 'node' | 'cluster'
    }
    path: undefined
    body: undefined
    reply: {
      readonly windows: readonly {
        /** Owner and name of the limit, for example `route/reports.read/writes`. */
        readonly limit: string
        /** Key of the window: the key fields of the limit, and the issuer. */
        readonly bucket: Readonly<Record<string, unknown>>
        /** Maximum number of requests in any period of `window_ms`. */
        readonly requests: number
        readonly window_ms: number
        readonly mode: 'exact' | 'leased'
        /** Requests in the window that the whole cluster has admitted; null while Redis is unavailable. */
        readonly used: number | null
        /** Unused permits of the window that nodes hold; null while Redis is unavailable. */
        readonly held: number | null
        /** Only with `scope=cluster`: nodes whose summaries have the window. */
        readonly nodes?: readonly string[]
      }[]
      /** Only with `scope=cluster`: the summaries. */
      readonly nodes?: readonly {
        /** Id of the node. */
        readonly node: string
        /** Time of the summary (RFC 3339); null when the node has published none within the last 10 s. */
        readonly at: string | null
        /** Number of all windows of the node. */
        readonly total: number | null
        /** Number of windows in the summary. Only these were searched. */
        readonly summarized: number
      }[]
    }
  }
  /** Empty one window of a rate limit in the whole cluster. */
  reset_limit: {
    query: undefined
    path: undefined
    body: {
      /** Name of the limit, as in the list of limits. */
      readonly limit: string
      /** Identifier of the issuer. Required when a key field of the limit belongs to an issuer. */
      readonly issuer?: string
      readonly subject?: string
      readonly client?: string
      readonly session?: string
      readonly route?: string
      /** Any address in the window. A window covers one IPv4 address or one IPv6 /64. */
      readonly address?: string
      /** Claim values, by the path of the claim in the policy. */
      readonly claims?: Readonly<Record<string, unknown>>
    }
    reply: {
      readonly limit: string
      /** Whether the window had counted a request. */
      readonly existed: boolean
    }
  }
  /** List recently recorded exchanges. */
  list_traces: {
    query: {
      /** Only exchanges of this route. */
      readonly route?: string
      /** Only exchanges of this service. */
      readonly service?: string
      readonly decision?: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken'
      /** Only exchanges that ended for this reason. */
      readonly reason?: string
      /** Only exchanges that took at least this time, ms. */
      readonly min_ms?: string
      /** Only exchanges that began at this time or later (RFC 3339). */
      readonly since?: string
      /** Maximum number of exchanges. Default 20, at most 1000. */
      readonly limit?: string
    }
    path: undefined
    body: undefined
    reply: {
      readonly traces: readonly {
        readonly trace_id: string
        readonly span_id: string
        /** Time at which the exchange or job started (RFC 3339). */
        readonly at: string
        readonly node: string | null
        /** Method and path pattern of the route, for example `GET /orders/**`; for a job, its kind. */
        readonly name: string
        readonly method: string | null
        /** Path of the request, without the query. */
        readonly path: string | null
        readonly service: string | null
        readonly route: string | null
        readonly status: number | null
        /** Decision on the exchange; null for a job. */
        readonly decision: string | null
        /** Reason with which the exchange ended, as in the access log. */
        readonly reason: string | null
        /** Duration of the exchange or job, ms. */
        readonly ms: number
        readonly error: string | null
        /** URL of the trace by `telemetry.traces.link`; null when the setting is absent. */
        readonly link: string | null
      }[]
    }
  }
  /** Show one trace. */
  show_trace: {
    query: undefined
    path: {
      /** Id of the trace (W3C Trace Context). */
      readonly trace_id: string
    }
    body: undefined
    reply: {
      readonly trace_id: string
      /** URL of the trace by `telemetry.traces.link`; null when the setting is absent. */
      readonly link: string | null
      /** Spans, ordered by start time. */
      readonly spans: readonly {
        /** Id of the trace. A job that the trace caused has a trace id of its own. */
        readonly trace_id: string
        readonly span_id: string
        readonly parent_id: string | null
        readonly name: string
        readonly kind: 'server' | 'client' | 'internal' | 'consumer'
        /** Time at which the span started (RFC 3339). */
        readonly at: string
        /** Time from the start of the first span, ms. */
        readonly offset_ms: number
        /** Duration of the span, ms. */
        readonly ms: number
        readonly error: string | null
        /** Attributes by the OpenTelemetry semantic conventions, and `gatehouse.*`. */
        readonly attributes: Readonly<Record<string, unknown>>
        /** Spans that caused this span. */
        readonly links: readonly {
          readonly trace_id: string
          readonly span_id: string
        }[]
      }[]
    }
  }
  /** Show the recent traffic of the cluster by route. */
  show_traffic: {
    query: {
      /** Only routes of this service. */
      readonly service?: string
      /** Only the route with this id. */
      readonly route?: string
      /** Order of the routes. `trouble`: failures of the gate, then replies with status 5xx, then the refused share, then requests. `latency`: 99th percentile of the service. Default `trouble`. */
      readonly sort?: 'trouble' | 'requests' | 'latency'
      /** Maximum number of routes; the rest is in `others`. Default 200, at most 1000. */
      readonly limit?: string
    }
    path: undefined
    body: undefined
    reply: {
      /** Length of the time that the numbers cover, s: since the start of the previous minute. */
      readonly window_s: number
      /** Time that one point of a series covers, s. */
      readonly step_s: number
      readonly nodes: readonly {
        readonly node: string
        /** Time of the summary by the clock of the node (RFC 3339); null without one. */
        readonly at: string | null
        /** Number of routes in the summary of the node. */
        readonly routes: number
        /** Number of further routes, which the summary has only as a sum, because it is limited to 64 KiB. */
        readonly summed: number
      }[]
      /** Nodes without a summary of the last 10 s: killed, cut off from Redis, or of another version. Not in the numbers. */
      readonly missing: readonly string[]
      /** Sum of all routes, and of requests that match none. */
      readonly total: {
        /** Number of finished exchanges. */
        readonly requests: number
        /** Number of finished exchanges per second. */
        readonly per_second: number
        readonly admitted: number
        readonly answered: number
        readonly refused: number
        /** Number of requests that failed because of the gate, an issuer or Redis. */
        readonly failed: number
        /** Number of admitted requests whose exchange did not complete. */
        readonly broken: number
        /** Number of replies of the service with status 5xx. */
        readonly faults: number
        /** Number of exchanges by status class; `none`: without a status. */
        readonly status: {
          readonly none: number
          readonly '1xx': number
          readonly '2xx': number
          readonly '3xx': number
          readonly '4xx': number
          readonly '5xx': number
        }
        /** Exchanges by reason, except admitted and answered ones, the most frequent first. */
        readonly reasons: readonly {
          readonly reason: string
          /** null: the reason is of another version of Gatehouse. */
          readonly decision: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken' | null
          readonly requests: number
        }[]
        /** Time in the gate, ms: as in `gatehouse_gate_seconds`. null without requests. */
        readonly own_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Time of the service, ms: as in `gatehouse_upstream_seconds`. null without requests. */
        readonly upstream_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Number of exchanges in progress at the time of the summaries. */
        readonly in_flight: number
        /** The last 60 steps of `step_s`, the oldest first: exchanges, and those of them that were refused, failed, or got a status 5xx of the service. */
        readonly series: {
          readonly requests: readonly number[]
          readonly trouble: readonly number[]
        }
      }
      readonly services: readonly {
        readonly service: string
        readonly routes: number
        /** Number of finished exchanges. */
        readonly requests: number
        /** Number of finished exchanges per second. */
        readonly per_second: number
        readonly admitted: number
        readonly answered: number
        readonly refused: number
        /** Number of requests that failed because of the gate, an issuer or Redis. */
        readonly failed: number
        /** Number of admitted requests whose exchange did not complete. */
        readonly broken: number
        /** Number of replies of the service with status 5xx. */
        readonly faults: number
        /** Number of exchanges by status class; `none`: without a status. */
        readonly status: {
          readonly none: number
          readonly '1xx': number
          readonly '2xx': number
          readonly '3xx': number
          readonly '4xx': number
          readonly '5xx': number
        }
        /** Exchanges by reason, except admitted and answered ones, the most frequent first. */
        readonly reasons: readonly {
          readonly reason: string
          /** null: the reason is of another version of Gatehouse. */
          readonly decision: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken' | null
          readonly requests: number
        }[]
        /** Time in the gate, ms: as in `gatehouse_gate_seconds`. null without requests. */
        readonly own_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Time of the service, ms: as in `gatehouse_upstream_seconds`. null without requests. */
        readonly upstream_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Number of exchanges in progress at the time of the summaries. */
        readonly in_flight: number
        /** The last 60 steps of `step_s`, the oldest first: exchanges, and those of them that were refused, failed, or got a status 5xx of the service. */
        readonly series: {
          readonly requests: readonly number[]
          readonly trouble: readonly number[]
        }
      }[]
      readonly routes: readonly {
        /** null: requests that match no route. */
        readonly route: string | null
        readonly service: string | null
        /** Nodes that list the route. */
        readonly nodes: readonly string[]
        /** False when another node may have summed the route with others. */
        readonly complete: boolean
        /** Number of finished exchanges. */
        readonly requests: number
        /** Number of finished exchanges per second. */
        readonly per_second: number
        readonly admitted: number
        readonly answered: number
        readonly refused: number
        /** Number of requests that failed because of the gate, an issuer or Redis. */
        readonly failed: number
        /** Number of admitted requests whose exchange did not complete. */
        readonly broken: number
        /** Number of replies of the service with status 5xx. */
        readonly faults: number
        /** Number of exchanges by status class; `none`: without a status. */
        readonly status: {
          readonly none: number
          readonly '1xx': number
          readonly '2xx': number
          readonly '3xx': number
          readonly '4xx': number
          readonly '5xx': number
        }
        /** Exchanges by reason, except admitted and answered ones, the most frequent first. */
        readonly reasons: readonly {
          readonly reason: string
          /** null: the reason is of another version of Gatehouse. */
          readonly decision: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken' | null
          readonly requests: number
        }[]
        /** Time in the gate, ms: as in `gatehouse_gate_seconds`. null without requests. */
        readonly own_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Time of the service, ms: as in `gatehouse_upstream_seconds`. null without requests. */
        readonly upstream_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Number of exchanges in progress at the time of the summaries. */
        readonly in_flight: number
        /** The last 60 steps of `step_s`, the oldest first: exchanges, and those of them that were refused, failed, or got a status 5xx of the service. */
        readonly series: {
          readonly requests: readonly number[]
          readonly trouble: readonly number[]
        }
      }[]
      /** Sum of the routes that are not listed; null when all are. */
      readonly others: {
        readonly routes: number
        /** Number of finished exchanges. */
        readonly requests: number
        /** Number of finished exchanges per second. */
        readonly per_second: number
        readonly admitted: number
        readonly answered: number
        readonly refused: number
        /** Number of requests that failed because of the gate, an issuer or Redis. */
        readonly failed: number
        /** Number of admitted requests whose exchange did not complete. */
        readonly broken: number
        /** Number of replies of the service with status 5xx. */
        readonly faults: number
        /** Number of exchanges by status class; `none`: without a status. */
        readonly status: {
          readonly none: number
          readonly '1xx': number
          readonly '2xx': number
          readonly '3xx': number
          readonly '4xx': number
          readonly '5xx': number
        }
        /** Exchanges by reason, except admitted and answered ones, the most frequent first. */
        readonly reasons: readonly {
          readonly reason: string
          /** null: the reason is of another version of Gatehouse. */
          readonly decision: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken' | null
          readonly requests: number
        }[]
        /** Time in the gate, ms: as in `gatehouse_gate_seconds`. null without requests. */
        readonly own_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Time of the service, ms: as in `gatehouse_upstream_seconds`. null without requests. */
        readonly upstream_ms: {
          readonly p50: number
          readonly p95: number
          readonly p99: number
        } | null
        /** Number of exchanges in progress at the time of the summaries. */
        readonly in_flight: number
        /** The last 60 steps of `step_s`, the oldest first: exchanges, and those of them that were refused, failed, or got a status 5xx of the service. */
        readonly series: {
          readonly requests: readonly number[]
          readonly trouble: readonly number[]
        }
      } | null
    }
  }
  /** Search the audit log. */
  search_audit: {
    query: {
      /** Only records with this `user.id`. */
      readonly subject?: string
      /** Only records with this `gatehouse.client`. */
      readonly client?: string
      /** Only records with this `gatehouse.service`. */
      readonly service?: string
      /** Only records with this `gatehouse.route`. */
      readonly route?: string
      /** Only records with this `http.request.method`. */
      readonly method?: string
      /** Only records whose `url.path` begins with this text. */
      readonly path?: string
      /** Only records with this `gatehouse.decision`. */
      readonly decision?: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken'
      /** Only records of gRPC calls with this `rpc.grpc.status_code`. */
      readonly grpc_status?: string
      /** Only records with this `gatehouse.reason`. */
      readonly reason?: string
      /** Only records of this `kind`. */
      readonly kind?: 'exchange' | 'refusals' | 'revocation' | 'admin' | 'chain.open' | 'chain.close'
      /** Only records with this `gatehouse.request.id`. */
      readonly request?: string
      /** Only records from this time on (RFC 3339). */
      readonly since?: string
      /** Only records up to this time (RFC 3339). */
      readonly until?: string
      /** Maximum number of records. Default 100, at most 1000. */
      readonly limit?: string
      /** `next` of the previous call: continues with older records. */
      readonly before?: string
    }
    path: undefined
    body: undefined
    reply: {
      /** Audit records with the fields of docs/guide/audit.md. */
      readonly records: readonly Readonly<Record<string, unknown>>[]
      /** Value of `before` for the next call; null when there are no older records. */
      readonly next: string | null
      /** End of the log at the time of the call. With this value as `after`, a stream of new records begins there. */
      readonly end: string
    }
  }
  /** Follow the audit log. */
  follow_audit: {
    query: {
      /** Only records with this `user.id`. */
      readonly subject?: string
      /** Only records with this `gatehouse.client`. */
      readonly client?: string
      /** Only records with this `gatehouse.service`. */
      readonly service?: string
      /** Only records with this `gatehouse.route`. */
      readonly route?: string
      /** Only records with this `http.request.method`. */
      readonly method?: string
      /** Only records whose `url.path` begins with this text. */
      readonly path?: string
      /** Only records with this `gatehouse.decision`. */
      readonly decision?: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken'
      /** Only records of gRPC calls with this `rpc.grpc.status_code`. */
      readonly grpc_status?: string
      /** Only records with this `gatehouse.reason`. */
      readonly reason?: string
      /** Only records of this `kind`. */
      readonly kind?: 'exchange' | 'refusals' | 'revocation' | 'admin' | 'chain.open' | 'chain.close'
      /** Only records with this `gatehouse.request.id`. */
      readonly request?: string
      /** Only records from this time on (RFC 3339). */
      readonly since?: string
      /** Only records up to this time (RFC 3339). */
      readonly until?: string
      /** Place to start from: `end` of a search, or the id of an event. Default: the current end of the log. */
      readonly after?: string
    }
    path: undefined
    body: undefined
    reply: ReadableStream
  }
  /** Watch the audit log. */
  tail_audit: {
    query: {
      /** Only records with this `user.id`. */
      readonly subject?: string
      /** Only records with this `gatehouse.client`. */
      readonly client?: string
      /** Only records with this `gatehouse.service`. */
      readonly service?: string
      /** Only records with this `gatehouse.route`. */
      readonly route?: string
      /** Only records with this `http.request.method`. */
      readonly method?: string
      /** Only records whose `url.path` begins with this text. */
      readonly path?: string
      /** Only records with this `gatehouse.decision`. */
      readonly decision?: 'admitted' | 'refused' | 'failed' | 'answered' | 'broken'
      /** Only records of gRPC calls with this `rpc.grpc.status_code`. */
      readonly grpc_status?: string
      /** Only records with this `gatehouse.reason`. */
      readonly reason?: string
      /** Only records of this `kind`. */
      readonly kind?: 'exchange' | 'refusals' | 'revocation' | 'admin' | 'chain.open' | 'chain.close'
      /** Only records with this `gatehouse.request.id`. */
      readonly request?: string
      /** Only records from this time on (RFC 3339). */
      readonly since?: string
      /** Only records up to this time (RFC 3339). */
      readonly until?: string
      /** Number of the newest matching records to begin with. Default 0, at most 200. */
      readonly last?: string
    }
    path: undefined
    body: undefined
    reply: ReadableStream
  }
  /** Show one exchange by its request id. */
  show_exchange: {
    query: undefined
    path: {
      /** Request id, as in `X-Request-Id`, the access log and error replies. */
      readonly id: string
    }
    body: undefined
    reply: {
      readonly id: string
      /** Reason of the newest record; null when this version does not have it. */
      readonly reason: {
        readonly name: string
        /** Meaning of the reason, as in docs/reference/reasons.md. */
        readonly why: string
        /** What to do first; null when `why` says it. */
        readonly remedy: string | null
        readonly status: number
        /** Code that the client got. */
        readonly code: string
      } | null
      /** Times of the newest record. */
      readonly times: {
        /** Time in the gate, ms. */
        readonly gate_ms: number | null
        /** Time until the response head of the service, ms; null without one. */
        readonly upstream_ms: number | null
        /** Time until the end of the exchange, ms. */
        readonly total_ms: number | null
      }
      /** Phases that waited or refused, and calls of the service, in order of their start. Empty when the trace of the exchange was not recorded. */
      readonly phases: readonly {
        /** Name of the phase, `failed attempt` for a call of the service that was repeated, or `upstream` for the last call. */
        readonly name: string
        /** Time from the start of the exchange, ms. */
        readonly offset_ms: number
        /** Duration, ms. */
        readonly ms: number
        readonly error: string | null
      }[]
      /** Trace of the newest record; null when the record has no trace id. */
      readonly trace: {
        readonly trace_id: string
        /** Whether the cluster stores the trace of this exchange: `GET /api/v1/traces/{trace_id}`. */
        readonly recorded: boolean
        /** URL of the trace by `telemetry.traces.link`; null when the setting is absent. */
        readonly link: string | null
      } | null
      readonly records: readonly {
        /** Audit record with the fields of docs/guide/audit.md. */
        readonly record: Readonly<Record<string, unknown>>
        readonly place: {
          /** Shard of the audit log; 0 without Redis Cluster. */
          readonly shard: number
          /** Id of the entry in the Redis stream of the shard. */
          readonly entry: string
          /** Id of the audit chain to which the record belongs. */
          readonly chain: string
          /** Number of the record in its chain; null when its id is malformed. */
          readonly number: number | null
          /** Number of the first record of the sealed batch. */
          readonly first: number
          readonly last: number
          /** Hash of the previous sealed batch of the audit chain. */
          readonly previous: string
          /** Hash of the sealed batch. */
          readonly hash: string
          /** Id of the audit key of the seal; null without a key. */
          readonly key: string | null
          /** `authentic`: the batch is unchanged, and its seal was made with an audit key of this node. `unchanged`: the batch fits its seal, which has no key or one that this node lacks. `altered`: it does not fit. The whole chain is checked by `GET /api/v1/audit/verification`. */
          readonly check: 'authentic' | 'unchanged' | 'altered'
        }
      }[]
    }
  }
  /** List the audit sinks and their progress. */
  list_audit_sinks: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly sinks: readonly {
        readonly sink: string
        /** Whether the settings of this node contain the sink. A removed sink still keeps records in the log until it is forgotten. */
        readonly configured: boolean
        /** Id of the last entry of each shard of the audit log that was delivered to the sink. */
        readonly cursors: readonly string[]
        /** Audit records that the sink has not received yet. */
        readonly lag_records: number
        /** false: the count stopped early, and there are more records. */
        readonly lag_complete: boolean
        /** Age of the oldest record that is not delivered, seconds. */
        readonly lag_seconds: number
        /** Audit records delivered to the sink so far. */
        readonly shipped: number
        readonly shipped_at: string | null
        /** Records that the sink rejected. Delivery from a shard stops at 10,000 dead letters. */
        readonly dead_letters: number
        /** Why the newest dead letter was rejected. With several shards: the newest of the first shard that has one. */
        readonly last_rejection: string | null
        /** Number of failed deliveries to the sink since its last success. */
        readonly failures: number
        readonly last_error: string | null
        readonly last_error_at: string | null
      }[]
    }
  }
  /** Forget a sink that was removed from the settings. */
  forget_audit_sink: {
    query: undefined
    path: undefined
    body: {
      readonly sink: string
    }
    reply: {
      readonly sink: string
    }
  }
  /** Send audit records to a sink again. */
  replay_audit: {
    query: undefined
    path: undefined
    body: {
      readonly what: 'dead'
      readonly sink: string
    } | {
      readonly what: 'log'
      readonly sink: string
      /** Start of the time range of the audit records to send again (RFC 3339). */
      readonly since: string
      /** End of the time range of the audit records to send again (RFC 3339). Records that Redis no longer stores are not sent. */
      readonly until: string
    }
    reply: {
      readonly sink: string
      /** Number of dead letters that are sent again; null for a time range. */
      readonly letters: number | null
    }
  }
  /** Verify the audit log in Redis. */
  verify_audit: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly records: number
      readonly batches: number
      readonly chains: readonly {
        readonly chain: string
        readonly node: string
        /** Number of the first stored record of the audit chain. Earlier records were trimmed. */
        readonly first: number
        readonly last: number
        /** Records that the node reports as lost because it had no space. */
        readonly lost: number
        /** `closed`: the node ended the chain. `running`: the node still writes to the chain. `open`: the node stopped without ending the chain, for example because it was killed. */
        readonly end: 'closed' | 'running' | 'open'
        /** Whether every seal was made with a key that this node has. */
        readonly keyed: boolean
      }[]
      readonly findings: readonly {
        /** `missing`: Sealed records are missing, or records that a later batch refers to. `altered`: A record or the seal of a batch was changed after sealing. `swapped`: Records or batches are not in the order in which they were written. `cut`: The end of a chain is missing: a batch that was seen in the log is gone. `forged`: A seal was made without the audit key. `unknown-key`: A seal was made with a key that was not supplied to the verification. `restarted`: A chain has two different continuations. `stray`: Data that is not a batch or record, or is in the wrong place. */
        readonly kind: 'missing' | 'altered' | 'swapped' | 'cut' | 'forged' | 'unknown-key' | 'restarted' | 'stray'
        /** Id of the audit chain; null when the data is unreadable. */
        readonly chain: string | null
        /** Number of the first affected audit record; null when unknown. */
        readonly first: number | null
        readonly last: number | null
        readonly detail: string
      }[]
      /** Number of findings that are not listed. */
      readonly more: number
    }
  }
  /** List all login sessions, those of a person or a device, or a single session. */
  list_sessions: {
    query: {
      /** Id of one session. */
      readonly session?: string
      /** Id of a device: all sessions of one person in one browser. */
      readonly device?: string
      /** Subject: all sessions of one person. */
      readonly subject?: string
      /** Name of the issuer in the policy, or its identifier. Without another parameter: all sessions at this issuer. Required with `subject` when the policy has several issuers. */
      readonly issuer?: string
      /** Largest number of sessions in a page of all sessions. Default 100, at most 500. */
      readonly limit?: string
      /** `next` of the previous page of all sessions. */
      readonly after?: string
    }
    path: undefined
    body: undefined
    reply: {
      readonly sessions: readonly {
        /** Id of the session. No session cookie can be derived from the id. */
        readonly session: string
        /** Identifier of the issuer at which the user logged in. */
        readonly issuer: string
        readonly subject: string
        readonly device: {
          /** Id of the device: the same for all logins of one person in one browser. */
          readonly id: string
          /** IP address of the client at login. */
          readonly address: string
          /** `User-Agent` of the browser at login. */
          readonly user_agent: string
        }
        /** Origins of the hosts that use a session of `login.host`. Absent: the session is valid at every host. */
        readonly hosts?: readonly string[]
        /** Time of the login (RFC 3339). */
        readonly created_at: string
        /** Time of the last use of the session, accurate to a tenth of the idle time-out (RFC 3339). */
        readonly used_at: string
        /** Latest end of the session by the active policy (RFC 3339); without a refresh token, the expiry of its access token. */
        readonly ends_at: string
      }[]
      /** Number of sessions on all pages. Of all sessions, those that were created or used since the upgrade to a version with this list, until their idle time-out. */
      readonly total: number
      /** Value of `after` for the next page; `null` after the last page. */
      readonly next: string | null
    }
  }
  /** End login sessions of a person or a device, or a single session. */
  end_sessions: {
    query: {
      /** Longest wait for the acknowledgements of the nodes: a duration such as `2s`, at most `5m`. The reply comes as soon as every node has acknowledged or `fenced_by` has passed. `all`: `5m`. `none`: reply at once. Default `none`. */
      readonly wait?: string
      /** `1`: reply when the disk of Redis has confirmed the write. Default `0`. */
      readonly durable?: '0' | '1'
    }
    path: undefined
    body: {
      /** Id of one session. */
      readonly session?: string
      /** Id of a device: all sessions of one person in one browser. */
      readonly device?: string
      /** Subject: all sessions of one person. */
      readonly subject?: string
      /** Only with `subject`: name of the issuer in the policy, or its identifier. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    }
    reply: {
      /** Ids of the sessions that were found and ended. */
      readonly ended: readonly string[]
      readonly receipt: {
        /** Id of the revocation. */
        readonly id: string
        /** Position of the revocation in the event log of the cluster. */
        readonly position: string
        /** Nodes that already reject the revoked tokens, each with the time until its acknowledgement, ms. */
        readonly acknowledged: readonly {
          readonly node: string
          readonly ms: number
        }[]
        /** Nodes that have not acknowledged the revocation. Without a wait, usually all nodes. */
        readonly missing: readonly string[]
        /** Time that the call waited for the acknowledgements, ms. */
        readonly waited_ms: number
        /** Time from which no node admits the revoked tokens, even a node that is partitioned or stopped (RFC 3339). */
        readonly fenced_by: string
        /** Time from the write to the event log until `fenced_by`, ms. */
        readonly max_staleness_ms: number
        /** Number of Redis replicas that confirmed the write of the revocation. */
        readonly replicas: number
        /** Whether Redis confirmed that the event is on its disk. */
        readonly fsynced: boolean
        /** For a single token: how nodes recognize it. `signed-text`: a JWT, by its signed part. `jti`: an opaque token, by its text and by the `jti` in its introspection response. `answer`: an opaque token, by its text and by its introspection response. `text`: an opaque token, by its text only; a different text that the issuer accepts as the same token may be admitted. */
        readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
      }
    }
  }
  /** List the streams of this node, or of all nodes by their summaries. */
  list_streams: {
    query: {
      /** Only streams of this subject. */
      readonly subject?: string
      /** Only streams of subjects of this issuer: its name in the policy, or its identifier. */
      readonly issuer?: string
      /** Only streams of the route with this id. */
      readonly route?: string
      /** `cluster`: those in the summaries of all nodes. Default: `node`, those of the node that replies. */
      readonly scope?: 'node' | 'cluster'
    }
    path: undefined
    body: undefined
    reply: {
      /** Id of the node that replies. */
      readonly node: string
      /** Number of all streams of the node; with `scope=cluster`, of the nodes with a summary. */
      readonly total: number
      /** Number of streams that match; without `scope=cluster`, `streams` has at most 1,000 of them. */
      readonly selected: number
      readonly streams: readonly {
        /** Id of the stream: the request id of its exchange. */
        readonly id: string
        /** `events`: server-sent events. */
        readonly kind: 'websocket' | 'events' | 'download' | 'upload'
        readonly route: string
        /** Identifier of the issuer; null for a stream that a public route admitted. */
        readonly issuer: string | null
        readonly subject: string | null
        /** Id of the login session, else the `sid` of the token. */
        readonly session: string | null
        /** IP address of the client of the stream. */
        readonly address: string
        /** Time at which the request of the stream arrived (RFC 3339). */
        readonly started_at: string
        /** Number of messages of a WebSocket from the client; null for any other kind. */
        readonly messages_in: number | null
        /** Number of messages of a WebSocket to the client; null for any other kind. */
        readonly messages_out: number | null
        /** Number of bytes from the client: of its messages, or of the request body. */
        readonly bytes_in: number
        /** Number of bytes to the client: of messages, or of the reply body. */
        readonly bytes_out: number
        /** Whether the node holds the stream: it relays nothing, because it cannot check whether the stream is still allowed. */
        readonly held: boolean
        /** Only with `scope=cluster`: id of the node that serves the stream. */
        readonly node?: string
      }[]
      /** Only with `scope=cluster`: the summaries. */
      readonly nodes?: readonly {
        /** Id of the node. */
        readonly node: string
        /** Time of the summary (RFC 3339); null when the node has published none within the last 10 s. */
        readonly at: string | null
        /** Number of all streams of the node. */
        readonly total: number | null
        /** Number of streams in the summary. Only these were searched. */
        readonly summarized: number
      }[]
    }
  }
  /** List the streams of all nodes by their summaries. */
  list_cluster_streams: {
    query: {
      /** Only streams of this subject. */
      readonly subject?: string
      /** Only streams of subjects of this issuer: its name in the policy, or its identifier. */
      readonly issuer?: string
      /** Only streams of the route with this id. */
      readonly route?: string
    }
    path: undefined
    body: undefined
    reply: {
      readonly nodes: readonly {
        /** Id of the node. */
        readonly node: string
        /** Time of the summary (RFC 3339); null when the node has published none within the last 10 s. */
        readonly at: string | null
        /** Number of all streams of the node. */
        readonly total: number | null
        /** Number of streams in the summary. Only these were searched. */
        readonly summarized: number
      }[]
      readonly streams: readonly {
        /** Id of the node. */
        readonly node: string
        /** Id of the stream: the request id of its exchange. */
        readonly id: string
        /** `events`: server-sent events. */
        readonly kind: 'websocket' | 'events' | 'download' | 'upload'
        readonly route: string
        /** Identifier of the issuer; null for a stream that a public route admitted. */
        readonly issuer: string | null
        readonly subject: string | null
        /** Id of the login session, else the `sid` of the token. */
        readonly session: string | null
        /** IP address of the client of the stream. */
        readonly address: string
        /** Time at which the request of the stream arrived (RFC 3339). */
        readonly started_at: string
        /** Number of messages of a WebSocket from the client; null for any other kind. */
        readonly messages_in: number | null
        /** Number of messages of a WebSocket to the client; null for any other kind. */
        readonly messages_out: number | null
        /** Number of bytes from the client: of its messages, or of the request body. */
        readonly bytes_in: number
        /** Number of bytes to the client: of messages, or of the reply body. */
        readonly bytes_out: number
        /** Whether the node holds the stream: it relays nothing, because it cannot check whether the stream is still allowed. */
        readonly held: boolean
      }[]
    }
  }
  /** End streams on every node, without revoking anything. */
  end_streams: {
    query: {
      /** Longest wait for the acknowledgements of the nodes: a duration such as `2s`, at most `5m`. The reply comes as soon as every node has acknowledged or `fenced_by` has passed. `all`: `5m`. `none`: reply at once. Default `none`. */
      readonly wait?: string
    }
    path: undefined
    body: {
      /** Subject whose streams are ended. */
      readonly subject?: string
      /** Only with `subject`: name of the issuer in the policy, or its identifier. Required when the policy has several issuers. */
      readonly issuer?: string
      /** Id of the login session, or `sid` of the tokens, whose streams are ended. */
      readonly session?: string
      /** Id of the route whose streams are ended. */
      readonly route?: string
      /** Id of the only stream to end: the request id of its exchange. */
      readonly id?: string
      /** Reason for the log and the audit record, up to 200 characters. */
      readonly reason?: string
    }
    reply: {
      /** Always false: no token, session or permission was revoked. */
      readonly revoked: false
      readonly receipt: {
        /** Id of the order to end streams. */
        readonly id: string
        /** Position of the order in the event log of the cluster. */
        readonly position: string
        /** Nodes whose streams have ended, each with the time until its acknowledgement, ms. */
        readonly acknowledged: readonly {
          readonly node: string
          readonly ms: number
        }[]
        /** Nodes that have not acknowledged. Each ends the streams when it reads the event log again. */
        readonly missing: readonly string[]
        /** Time that the call waited for the acknowledgements, ms. */
        readonly waited_ms: number
        /** Time from which a node without contact to Redis holds its streams, and relays nothing (RFC 3339). Streams of public routes and of routes with `end: keep` are not held. */
        readonly fenced_by: string
        /** Time from the write to the event log until `fenced_by`, ms. */
        readonly max_staleness_ms: number
        /** Number of Redis replicas that confirmed the write of the revocation. */
        readonly replicas: number
        /** Whether Redis confirmed that the event is on its disk. */
        readonly fsynced: boolean
        /** Nodes of an older version, which cannot end streams. Their streams continue. */
        readonly unable: readonly string[]
      }
    }
  }
  /** List the addresses of upstreams with their states on this node, and the drains of the cluster. */
  list_upstreams: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly node: string
      readonly upstreams: readonly {
        readonly service: string
        /** Origin of the upstream. */
        readonly upstream: string
        /** Address to which the name of the upstream resolves. Null when the URL has an address, and while each connection looks the name up: before the first lookup, after failed lookups, and until a connection shows whether IPv4 or IPv6 works. */
        readonly address: string | null
        readonly weight: number
        /** State of the upstream on the node, as in `/status`. */
        readonly state: 'up' | 'slow-start' | 'resting' | 'ejected' | 'failing' | 'drained' | 'unresolved'
        /** Calls of the node that are in flight, WebSockets included. */
        readonly calls: number
        /** Open connections of the node to the upstream. */
        readonly connections: number
        /** Outcome of the latest health check of the upstream; null without one. */
        readonly check: string | null
      }[]
      readonly drains: readonly {
        readonly service: string
        readonly upstream: string
        /** Time at which the drain ends (RFC 3339); null when the drain has no end. */
        readonly until: string | null
      }[]
    }
  }
  /** Drain an upstream on every node. */
  drain_upstream: {
    query: undefined
    path: undefined
    body: {
      /** Origin of the upstream, such as http://orders-1:8080. */
      readonly upstream: string
      /** Only the upstream of this service. Default: of every service that has the upstream. */
      readonly service?: string
      /** Duration of the drain, s, up to a year. Default: until the drain is ended. */
      readonly for_s?: number
    }
    reply: {
      /** Upstreams whose drain the call changed. */
      readonly upstreams: readonly {
        readonly service: string
        readonly upstream: string
      }[]
      /** Nodes that have applied the change of the drain. */
      readonly acknowledged: readonly string[]
      /** Nodes that have not applied the change within 2 s. Each applies it when it has contact to Redis again; a node of an older version does not. */
      readonly missing: readonly string[]
    }
  }
  /** End the drain of an upstream on every node. */
  undrain_upstream: {
    query: undefined
    path: undefined
    body: {
      /** Origin of the upstream, such as http://orders-1:8080. */
      readonly upstream: string
      /** Only the upstream of this service. Default: of every service that has the upstream. */
      readonly service?: string
    }
    reply: {
      /** Upstreams whose drain the call changed. */
      readonly upstreams: readonly {
        readonly service: string
        readonly upstream: string
      }[]
      /** Nodes that have applied the change of the drain. */
      readonly acknowledged: readonly string[]
      /** Nodes that have not applied the change within 2 s. Each applies it when it has contact to Redis again; a node of an older version does not. */
      readonly missing: readonly string[]
    }
  }
  /** List the assertion, encryption, audit and policy keys of the cluster. */
  list_keys: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly keys: readonly {
        /** Kind of the key, as under `keys` in the settings. */
        readonly kind: 'assertion' | 'encryption' | 'audit' | 'policy'
        /** Id of the key, unique among keys of its kind. */
        readonly id: string
        /** Nodes and workers that have the key, such as `node a`. */
        readonly held_by: readonly string[]
        /** Nodes and workers that need the key and lack it. */
        readonly lacking: readonly string[]
        /** Nodes and workers that sign, encrypt or seal with the key now. */
        readonly written_by: readonly string[]
        /** Time since which every node publishes an assertion key (RFC 3339); `null` for another kind. */
        readonly published_since: string | null
        /** Time until which data that were written with the key are in use (RFC 3339), as far as is known now; `null` for a key that may be removed. */
        readonly needed_until: string | null
      }[]
    }
  }
  /** Switch the writing key of the cluster. */
  rotate_key: {
    query: undefined
    path: undefined
    body: {
      /** Kind of the key, as under `keys` in the settings. */
      readonly kind: 'assertion' | 'encryption' | 'policy'
      /** Id of the key that becomes the writing key. */
      readonly to: string
      /** Time for which every node must have published an assertion key before the switch, s. Default 600. */
      readonly overlap_s?: number
    }
    reply: {
      readonly rotated: true
      /** Nodes that sign, encrypt or seal with the new writing key. */
      readonly acknowledged: readonly string[]
      /** Nodes that have not acknowledged the switch. Each of them switches when it reads the event log. */
      readonly missing: readonly string[]
      /** Id of the previous writing key; `null` when the requested key already was the writing key. */
      readonly old: string | null
      /** Time from which the previous writing key may be removed (RFC 3339). */
      readonly old_may_go_at: string | null
    } | {
      readonly rotated: false
      /** Nodes and workers that lack the key, such as `node a`. */
      readonly lacking: readonly string[]
      /** Time from which every node has published the assertion key for `overlap_s` (RFC 3339); `null` while a process lacks the key. */
      readonly ready_at: string | null
    }
  }
  /** List the secrets of this node. */
  list_secrets: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly secrets: readonly {
        /** Path of the secret in the settings or the policy. */
        readonly name: string
        /** Source of the secret: `file PATH` or `env NAME`. */
        readonly source: string
        /** Part of the node that uses the secret. */
        readonly used_by: string
        /** Time of the last change of the secret file (RFC 3339). For an environment variable: the start of the process. */
        readonly changed_at: string
        /** Whether the value of the secret before its last change is still accepted. */
        readonly previous_valid: boolean
        /** Expiry of the secret (RFC 3339); `null` when it is not known. */
        readonly expires_at: string | null
        /** Error in the newest value of the secret, which is therefore not in use; `null` for a valid value. */
        readonly problem: string | null
      }[]
    }
  }
  /** Show the OpenAPI document of the admin API. */
  describe_api: {
    query: undefined
    path: undefined
    body: undefined
    reply: {
      readonly openapi: string
    }
  }
}

/**
 * Method, path and scope of each operation of the admin API. `owners`: prefix of the scopes of
 * owners of services, who may call it too.
 */
export const adminOperations = {
  show_status: { method: 'GET', path: '/status', scope: 'gatehouse:read' },
  list_nodes: { method: 'GET', path: '/api/v1/nodes', scope: 'gatehouse:read' },
  list_queues: { method: 'GET', path: '/api/v1/queues', scope: 'gatehouse:read' },
  list_expiries: { method: 'GET', path: '/api/v1/expiries', scope: 'gatehouse:read' },
  check_node: { method: 'GET', path: '/api/v1/doctor', scope: 'gatehouse:read' },
  accept_loss: { method: 'POST', path: '/api/v1/nodes/accept-loss', scope: 'gatehouse:admin' },
  explain_request: { method: 'POST', path: '/api/v1/explain', scope: 'gatehouse:read' },
  compare_policy: { method: 'POST', path: '/api/v1/policy/diff', scope: 'gatehouse:read', owners: 'gatehouse:policy:' },
  apply_policy: { method: 'POST', path: '/api/v1/policy/apply', scope: 'gatehouse:policy', owners: 'gatehouse:policy:' },
  rollback_policy: { method: 'POST', path: '/api/v1/policy/rollback', scope: 'gatehouse:policy' },
  list_revisions: { method: 'GET', path: '/api/v1/policy/revisions', scope: 'gatehouse:read' },
  show_revision: { method: 'GET', path: '/api/v1/policy/revisions/{number}', scope: 'gatehouse:read' },
  show_rollout: { method: 'GET', path: '/api/v1/policy/rollout', scope: 'gatehouse:read' },
  promote_rollout: { method: 'POST', path: '/api/v1/policy/rollout/promote', scope: 'gatehouse:policy' },
  abort_rollout: { method: 'POST', path: '/api/v1/policy/rollout/abort', scope: 'gatehouse:policy' },
  revoke: { method: 'POST', path: '/api/v1/revocations', scope: 'gatehouse:revoke' },
  list_limits: { method: 'GET', path: '/api/v1/limits', scope: 'gatehouse:limits' },
  reset_limit: { method: 'POST', path: '/api/v1/limits/reset', scope: 'gatehouse:limits' },
  list_traces: { method: 'GET', path: '/api/v1/traces', scope: 'gatehouse:read' },
  show_trace: { method: 'GET', path: '/api/v1/traces/{trace_id}', scope: 'gatehouse:read' },
  show_traffic: { method: 'GET', path: '/api/v1/traffic', scope: 'gatehouse:read' },
  search_audit: { method: 'GET', path: '/api/v1/audit/records', scope: 'gatehouse:audit' },
  follow_audit: { method: 'GET', path: '/api/v1/audit/stream', scope: 'gatehouse:audit' },
  tail_audit: { method: 'GET', path: '/api/v1/audit/tail', scope: 'gatehouse:audit' },
  show_exchange: { method: 'GET', path: '/api/v1/exchanges/{id}', scope: 'gatehouse:audit' },
  list_audit_sinks: { method: 'GET', path: '/api/v1/audit/sinks', scope: 'gatehouse:audit' },
  forget_audit_sink: { method: 'POST', path: '/api/v1/audit/sinks/forget', scope: 'gatehouse:admin' },
  replay_audit: { method: 'POST', path: '/api/v1/audit/replays', scope: 'gatehouse:audit' },
  verify_audit: { method: 'GET', path: '/api/v1/audit/verification', scope: 'gatehouse:audit' },
  list_sessions: { method: 'GET', path: '/api/v1/sessions', scope: 'gatehouse:sessions' },
  end_sessions: { method: 'POST', path: '/api/v1/sessions/end', scope: 'gatehouse:sessions' },
  list_streams: { method: 'GET', path: '/api/v1/streams', scope: 'gatehouse:read' },
  list_cluster_streams: { method: 'GET', path: '/api/v1/cluster/streams', scope: 'gatehouse:read' },
  end_streams: { method: 'POST', path: '/api/v1/streams/end', scope: 'gatehouse:revoke' },
  list_upstreams: { method: 'GET', path: '/api/v1/upstreams', scope: 'gatehouse:read' },
  drain_upstream: { method: 'POST', path: '/api/v1/upstreams/drain', scope: 'gatehouse:admin' },
  undrain_upstream: { method: 'POST', path: '/api/v1/upstreams/undrain', scope: 'gatehouse:admin' },
  list_keys: { method: 'GET', path: '/api/v1/keys', scope: 'gatehouse:read' },
  rotate_key: { method: 'POST', path: '/api/v1/keys/rotate', scope: 'gatehouse:admin' },
  list_secrets: { method: 'GET', path: '/api/v1/secrets', scope: 'gatehouse:read' },
  describe_api: { method: 'GET', path: '/api/v1/openapi.json', scope: 'gatehouse:read' },
} as const
