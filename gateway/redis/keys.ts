import { createHash } from 'node:crypto'

/** Subjects about which every node publishes a summary. */
export type SummaryTopic = 'traffic' | 'streams' | 'limits'

export type SessionList = 'subject' | 'device' | 'sid'

/**
 * Prefixes in the key names of session lists. The prefix of `sid` starts with the prefix of `subject`, so Redis ACL
 * patterns of earlier releases still match.
 */
const listTags: Readonly<Record<SessionList, string>> = { subject: 'u:', device: 'd:', sid: 'u:p:' }

/**
 * Builds the name of every Redis key and channel. All keys of one script share a hash tag, `{…}`, so Redis Cluster
 * stores them in the same slot.
 */
export class RedisKeys {
  readonly #prefix: string
  /**
   * Stream: cluster events, which every node applies in order.
   *
   * @stored 1 stream; an entry has about 100 bytes, and 24 bytes for each revocation in it | an entry
   * {@link KEEP_EVENTS_MS}: each write removes older entries, at least every {@link HEARTBEAT_EVERY_MS} while a node
   * runs | nothing is refused, because a revocation must not fail; a single token is not revoked above
   * `revocation.max_entries` | gatehouse_cluster_events_total
   */
  readonly events: string
  /**
   * Sorted set: key names of the buckets of packed revocations, scored by their expiry, s since the Unix epoch.
   *
   * @stored 1 sorted set; an entry of about 100 bytes for each bucket | an entry until the first revocation later than
   * a minute after the expiry of its bucket | see `revocationBucket` | none
   */
  readonly revocationBuckets: string
  /**
   * Secret key of the keyed hash under which identities are recorded: 32 random bytes.
   *
   * @stored 1 string of 32 bytes; 32 bytes more for each loss of data after which a node without a copy was the first
   * to write | for ever: revocations are stored under each of these keys | only a loss of data adds a key | none
   */
  readonly revocationHashKey: string
  /**
   * Sorted set: issuer identifiers, scored by the latest absolute expiry of a login session created at that issuer,
   * s since the Unix epoch.
   *
   * @stored 1 sorted set; an entry of about 100 bytes for each login issuer | an entry until the first login later than
   * a day after its time | the login is refused when Redis is out of memory | none
   */
  readonly sessionEnds: string
  /**
   * Secret from which all nodes derive the keys of their DPoP nonces: 32 random bytes in base64url.
   *
   * @stored 1 string of 43 bytes | for ever | does not grow | none
   */
  readonly nonceSecret: string
  /**
   * Random identifier of the data in Redis. A different value shows that Redis lost its data.
   *
   * @stored 1 string of 25 bytes for the epoch and for each of {@link ANCESTORS_MAX} ancestors, and for each further
   * epoch from which a member restored data | for ever; a loss of data leaves {@link ANCESTORS_MAX} ancestors | only a
   * loss of data adds an epoch | none
   */
  readonly epoch: string
  /**
   * Marker that exists while members restore the data that Redis lost. No node can join while this key exists.
   *
   * @stored 1 string of 25 bytes | at most {@link RESTORE_MS} | does not grow | none
   */
  readonly settling: string
  /**
   * Sorted set: member keys, scored by the end of their lease, ms of the Redis clock.
   *
   * @stored 1 sorted set; an entry of about 100 bytes for each node | an entry until the member leaves, or the first
   * renewal by another member after the end of its lease | nothing is refused: nodes are as many as operators start |
   * none
   */
  readonly members: string
  /**
   * Hash: for each member key, the facts that the member publishes about itself, as JSON.
   *
   * @stored 1 hash; a field of about 1 KB for each node | as the entry in `members` | as for `members` | none
   */
  readonly memberFacts: string
  /**
   * Hash: for each member key, the position of the last event that the member applied.
   *
   * @stored 1 hash; a field of about 100 bytes for each node | as the entry in `members` | as for `members` | none
   */
  readonly positions: string
  /**
   * Key of the member that wrote the last heartbeat event. Expires when the next heartbeat is due.
   *
   * @stored 1 string of about 50 bytes | {@link HEARTBEAT_EVERY_MS} | does not grow | none
   */
  readonly heartbeat: string
  /**
   * Stream: the most recent traces of exchanges and jobs.
   *
   * @stored 1 stream; `telemetry.traces.recent` entries and at most 100 more, each of
   * {@link RECORD_MAX_CHARACTERS} characters at most and 2 KiB usually | 24h after the last trace | the oldest trace is
   * removed | none
   */
  readonly traces: string
  /**
   * Pub/sub channel on which members publish the event positions that they applied.
   *
   * @stored 1 channel | Redis does not store messages | does not grow | none
   */
  readonly acknowledgements: string

  /**
   * Hash: for each process, the keys (of `keys.*`) that it has and the keys with which it writes, as JSON.
   *
   * @stored 1 hash; a field of about 500 bytes for each node and worker | a field until the process ends, or the first
   * report of another process later than {@link EXPIRY_MS} after its last report | the report is not written when Redis
   * is out of memory | none
   */
  readonly keyHolders: string
  /**
   * Hash: for each assertion key, the time since which every node publishes it; and for each key of any kind, the time
   * of the last report of a process that writes with it. All times are in ms since the epoch.
   *
   * @stored 1 hash; a field of about 50 bytes for each assertion key of a node, and for each key with which a process
   * wrote in the last {@link USE_MS} | an assertion key until no node has it; the last use of a key {@link USE_MS} | as
   * for `keyHolders` | none
   */
  readonly keyUse: string
  /**
   * Hash: for each kind of keys, the id of the key that the cluster appointed as the writing key.
   *
   * @stored 1 hash; a field of about 50 bytes for each of 4 kinds of keys | for ever | does not grow | none
   */
  readonly writingKeys: string
  /**
   * Hash: policy revisions by their number, each with its MAC.
   *
   * @stored 1 hash; {@link KEPT_REVISIONS} revisions, each the compressed files of a policy, which have
   * {@link POLICY_MAX_BYTES} bytes at most | until {@link KEPT_REVISIONS} later revisions exist | the oldest revision
   * is removed | none
   */
  readonly policyRevisions: string
  /**
   * Hash: for each drained upstream of a service, the end of the drain and the time of the change, ms since the epoch.
   *
   * @stored 1 hash; {@link DRAINS_MAX} fields of about 100 bytes | a field until the first change of drains later than
   * {@link REMEMBER_MS} after its end; a drain without an end until an operator ends it | the drain is refused | none
   */
  readonly drains: string
  /**
   * String: the newest activation of a policy revision, with its MAC.
   *
   * @stored 1 string of about 1 KB | for ever | does not grow | none
   */
  readonly policyActivation: string
  /**
   * String: the outcome of the last rollout of a policy revision, with its MAC.
   *
   * @stored 1 string of about 1 KB; the cause has {@link WHY_MAX} characters at most | for ever | does not grow | none
   */
  readonly policyRollout: string
  /**
   * String: key of the member that evaluates the running rollout. Expires when the member no longer renews it.
   *
   * @stored 1 string of about 50 bytes | 4s after the last renewal | does not grow | none
   */
  readonly policyRolloutHolder: string
  /**
   * Sorted set: ids of the sessions of the console, each after a pseudonym of its person, scored by the end of the
   * session, ms of the Redis clock.
   *
   * @stored 1 sorted set; {@link CONSOLE_SESSIONS_MAX} entries of about 100 bytes | an entry until the first log-in
   * later than the end of its session; the set {@link CONSOLE_ABSOLUTE_MS} after the last log-in | the session that
   * ends first is ended | none
   */
  readonly consoleSessions: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.consoleSessions = `${prefix}{console}:sessions`
    this.traces = `${prefix}{traces}:recent`
    const revocation = `${prefix}{rev}:`
    this.events = `${revocation}log`
    this.revocationBuckets = `${revocation}buckets`
    this.revocationHashKey = `${revocation}key`
    this.sessionEnds = `${revocation}session-ends`
    this.nonceSecret = `${revocation}nonce-secret`
    this.keyHolders = `${revocation}key-holders`
    this.keyUse = `${revocation}key-use`
    this.writingKeys = `${revocation}writing-keys`
    this.drains = `${revocation}drains`
    this.policyRevisions = `${revocation}policy:revisions`
    this.policyActivation = `${revocation}policy:activation`
    this.policyRollout = `${revocation}policy:rollout`
    this.policyRolloutHolder = `${revocation}policy:rollout-holder`
    this.epoch = `${revocation}epoch`
    this.settling = `${revocation}settling`
    this.members = `${revocation}members`
    this.memberFacts = `${revocation}facts`
    this.positions = `${revocation}positions`
    this.heartbeat = `${revocation}beat`
    this.acknowledgements = `${revocation}acks`
  }

  /**
   * String: the member key of the process that uses this node id now.
   *
   * @stored 1 string of about 50 bytes for each node | {@link KEEP_ID_MS} after the last renewal | as for `members` |
   *   none
   */
  nodeId(id: string): string {
    return `${this.#prefix}{rev}:id:${id}`
  }

  /**
   * String: a policy on which the members vote, with its MAC. Expires after a minute.
   *
   * @stored 1 string for each proposal of the last minute: the compressed files of a policy, which have
   * {@link POLICY_MAX_BYTES} bytes at most | {@link CANDIDATE_MS} | the proposal is refused when Redis is out of memory
   * | none
   */
  policyCandidate(id: string): string {
    return `${this.#prefix}{rev}:policy:candidate:${id}`
  }

  /**
   * Hash: for each node id, its vote on a policy. Expires after a minute.
   *
   * @stored 1 hash for each proposal of the last minute; a field for each node | {@link CANDIDATE_MS} after the last
   * vote | the vote counts as missing when Redis is out of memory | none
   */
  policyVotes(id: string): string {
    return `${this.#prefix}{rev}:policy:votes:${id}`
  }

  /**
   * Hash: for each member key, the requests that the member has counted since the start of a rollout, with a MAC. Expires
   * after the rollout.
   *
   * @param sequence  number of the activation with which the rollout began
   * @stored 1 hash for each rollout of the last hour; a field for each process of a node that counted |
   * {@link COUNTS_MS} after the last report | the counts of the node are missing when Redis is out of memory | none
   */
  policyRolloutCounts(sequence: number): string {
    return `${this.#prefix}{rev}:policy:rollout:${sequence}`
  }

  /**
   * String: summary of one node about its traffic, streams or limits, as JSON. Expires when the node no longer renews
   * it.
   *
   * @stored 3 strings for each node, of {@link SUMMARY_MAX_BYTES} bytes at most each | {@link KEEP_SUMMARY_MS} after the
   *   last summary; {@link NAMED_MS} for a node that left the cluster | further routes are summed, further streams and
   *   windows are left out; the node is shown without a summary when Redis is out of memory | none
   */
  summary(topic: SummaryTopic, id: string): string {
    return `${this.#prefix}{rev}:summary:${topic}:${id}`
  }

  /**
   * String: a bucket of packed revocations that expire together.
   *
   * @param endS  expiry, s since the Unix epoch
   * @stored for each minute of the next day, and for each later hour, in which revocations expire: 1 string, 24 bytes
   *   for each revocation | until all tokens that it revokes have expired, and 1m to 61m longer | a single token is not
   *   revoked above `revocation.max_entries`; sessions, subjects, clients and issuers always are |
   *   gatehouse_revocations
   */
  revocationBucket(endS: number): string {
    return `${this.#prefix}{rev}:x:${endS}`
  }

  /**
   * One window of a rate limit. The keys are spread over 256 hash tags, so few calls to Redis carry all decisions of
   * one tick of the event loop.
   *
   * @param kind  layout of the value; windows of different modes have different names
   * @param limit  identifies the limit, including its window and mode
   * @param bucket  identifies the client that the window counts; the key contains only its hash
   * @stored 1 for each limit and client whose requests were admitted in the window; a string of 10 bytes for each
   * request, 1 KB at most, or for `leased` a hash of about 15 KB at most; 240 bytes with its name for one request |
   * `exact`: the window after the last admission; `leased`: two windows after the last call | `on_outage.limits`
   * decides, for a new window of 10s or more from 90 % of `maxmemory` on | gatehouse_limit_outage_requests_total
   */
  limit(kind: 'exact' | 'leased', limit: string, bucket: string): string {
    const hash = createHash('sha256').update(bucket).digest('hex').slice(0, 32)
    return `${this.#prefix}{l${hash.slice(0, 2)}}:${kind}:${limit}:${hash}`
  }

  /**
   * Hash: the cached introspection response of an issuer for one token. The keys are spread over 256 hash tags.
   *
   * @param tokenId  keyed hash of issuer and token, in hexadecimal
   * @stored 1 hash for each token that is introspected; the response has 256 KiB at most and 1 KB usually | active: its
   *   caching time and `introspection.stale`, at most until the token expires; inactive:
   *   `introspection.negative_cache`, at least 1s; failed: two leases of the lock | each node introspects alone when
   *   Redis is out of memory; the issuer's queue and the limit of failures of an address bound what strangers add |
   *   none
   */
  introspected(tokenId: string): string {
    return `${this.#prefix}{i${tokenId.slice(0, 2)}}:${tokenId}`
  }

  /**
   * String: claim of the renewal of a credential that a service refused, then the renewed credential, encrypted. Expires
   * after 30 s. The keys are spread over 256 hash tags.
   *
   * @param id  keyed hash of the parameters of the credential (issuer, client, scopes …), in hexadecimal
   * @stored 1 string for each credential of a service, or of one of its users, that the service refused in the last
   * 30s, of about 20 KB at most | 30s | each node renews alone when Redis is out of memory | none
   */
  renewal(id: string): string {
    return `${this.#prefix}{c${id.slice(0, 2)}}:${id}`
  }

  /**
   * Stream: audit log. Each entry is one batch of one node.
   *
   * @param shard  number of the shard, from 0; only a Redis Cluster has several shards
   * @stored 1 stream, 16 in a Redis Cluster, of `audit.redis_max` bytes at most each | an entry until every sink has
   * accepted it, and for `audit.recent` unless the log has half of its maximum | nodes write to their spill folder,
   * then to their memory; also when Redis uses 90 % of `maxmemory` | gatehouse_audit_log_bytes
   */
  auditLog(shard: number): string {
    return `${this.#prefix}{a${shard}}:log`
  }

  /**
   * String: the newest batch of the audit log. A difference from the log's last entry shows that the log lost entries
   * at its end.
   *
   * @stored 1 string of about 150 bytes for each log | for ever | does not grow | none
   */
  auditHead(shard: number): string {
    return `${this.#prefix}{a${shard}}:head`
  }

  /**
   * Hash: for each sink, the id of the last log entry that the sink accepted. The log is not trimmed past the entries
   * that a sink in this hash has not accepted yet.
   *
   * @stored 1 hash for each log; a field of about 50 bytes for each sink | a field until `gatehouse audit sinks forget`
   * | sinks are as many as the settings have named | none
   */
  auditCursors(shard: number): string {
    return `${this.#prefix}{a${shard}}:cursors`
  }

  /**
   * Hash: delivery status of one audit sink.
   *
   * @stored 1 hash of about 500 bytes for each sink and log | until `gatehouse audit sinks forget` | sinks are as many
   * as the settings have named | none
   */
  auditSink(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:sink:${sink}`
  }

  /**
   * Stream: dead letters of one audit sink, which are records that the sink rejected, and records or batches that a
   * worker could not read.
   *
   * @stored 1 stream for each sink and log; {@link DEAD_MAX} entries and those of one delivery, each a record, or 64
   * KiB of an unreadable batch at most | until they are replayed, or `gatehouse audit sinks forget` | delivery to the
   * sink stops, and the log keeps the records | gatehouse_audit_dead_letters
   */
  auditDead(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:dead:${sink}`
  }

  /**
   * Hash: for each chain of batches, `<number>:<hash>` of the last batch that was trimmed from the log. A chain without
   * its first batches is intact if its first remaining batch continues from the last trimmed batch.
   *
   * @stored 1 hash for each log; {@link MARKS_MAX} fields of about 200 bytes | a field until {@link MARKS_MAX} chains
   * were trimmed later | the tenth of the fields that was trimmed longest ago is removed | none
   */
  auditTrimmed(shard: number): string {
    return `${this.#prefix}{a${shard}}:trimmed`
  }

  /**
   * Hash: a login session. Each session has its own hash tag, so one script cannot access a session and another key.
   *
   * @param id  hash of the session cookie
   * @stored 1 hash for each login session; 8 Ki characters of claims, 48 Ki characters of tokens and
   * {@link HOST_COOKIES_MAX} cookies of hosts at most, 2 KB usually | its idle lifetime, at most its absolute lifetime;
   * or its logout | above 100 sessions of a person or of a device, the one that ends first is ended; the login is
   * refused when Redis is out of memory | gatehouse_sessions
   */
  session(id: string): string {
    return `${this.#prefix}{s:${id}}`
  }

  /**
   * Sorted set: session ids, scored by their absolute expiry, ms since the Unix epoch.
   *
   * @param name  keyed hash of the subject, device or `sid`, in hexadecimal
   * @stored 1 sorted set for each person, for each device and for each `sid`; 100 entries of about 140 bytes, for a
   * `sid` as many as the issuer gives it | until the last listed session has reached its absolute lifetime | as for
   * `session` | none
   */
  sessionsOf(kind: SessionList, name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:s`
  }

  /**
   * Sorted set: ids of all sessions of an issuer, scored by the end of their idle lifetime, ms since the Unix epoch. The
   * prefix starts with that of `subject`, as for `sid`.
   *
   * @param name  hash of the issuer identifier, in hexadecimal
   * @stored 1 sorted set for each login issuer; an entry of about 140 bytes for each session | an entry until the idle
   * lifetime of the session ends; the key 1h after the last one | as for `session` | gatehouse_sessions
   */
  sessionsAt(name: string): string {
    return `${this.#prefix}{${listTags.subject}i:${name}}:s`
  }

  /**
   * Hash: the last logout of a subject or `sid` at the issuer. In the same slot as the `sessionsOf` key of the subject
   * or `sid`.
   *
   * @stored 1 hash of about 200 bytes for each person or `sid` that the issuer logged out; for a `sid` also a field for
   * each person | the absolute lifetime of sessions and {@link ATTEMPT_MS} after the last logout | nothing is refused:
   * only the issuer can add a logout | none
   */
  logoutAtIssuer(kind: 'subject' | 'sid', name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:o`
  }

  /**
   * String: marks a login attempt as redeemed until the attempt expires.
   *
   * @param name  hash of the `state` parameter
   * @stored 1 string of 12 bytes for each login that came back with a code, and for each hand-over | at most 16m, for a
   * hand-over 26m | the login is refused when Redis is out of memory; the limit of failures of an address bounds what
   * strangers add | none
   */
  redeemedLogin(name: string): string {
    return `${this.#prefix}{o${name.slice(0, 2)}}:${name}`
  }

  /**
   * Sealed (encrypted) content of a hand-over code. Expires after 30 s.
   *
   * @param name  hash of the code and the host where it is valid
   * @stored 1 string of about 1 KB for each session that a browser takes over at another host | {@link CODE_MS}, or its
   * use | the login is refused when Redis is out of memory | none
   */
  handOverCode(name: string): string {
    return `${this.#prefix}{o${name.slice(0, 2)}}:c:${name}`
  }

  /**
   * Hash: a session of the console of the admin plane, encrypted. In the same slot as the list of these sessions.
   *
   * @param id  hash of the secret in the session's cookie, in hexadecimal
   * @stored 1 hash for each session of the console, {@link CONSOLE_SESSIONS_MAX} at most; its tokens have about 4 KB
   * usually and 64 KiB at most | {@link CONSOLE_IDLE_MS} after its last call, at most {@link CONSOLE_ABSOLUTE_MS} | the
   * session that ends first is ended | none
   */
  consoleSession(id: string): string {
    return `${this.#prefix}{console}:s:${id}`
  }

  /**
   * String: lock of the process that refreshes the tokens of a session of the console.
   *
   * @stored 1 string of 1 byte for each session of the console whose tokens are being refreshed |
   * {@link CONSOLE_REFRESH_MS}, or the end of the refresh | as for `consoleSession` | none
   */
  consoleRefresh(id: string): string {
    return `${this.#prefix}{console}:r:${id}`
  }

  /**
   * String: marks a logout token as used, to detect replays.
   *
   * @param name  hash of issuer and `jti`
   * @stored 1 string of 1 byte for each logout token | 4m, and twice the clock tolerance of the issuer | nothing is
   * refused: only the issuer can make a logout token | none
   */
  usedLogoutToken(name: string): string {
    return `${this.#prefix}{j${name.slice(0, 2)}}:${name}`
  }

  /**
   * String: marks a DPoP proof as used, to detect replays.
   *
   * @param name  hash of thumbprint and `jti`, in hexadecimal
   * @stored 1 empty string for each request with a valid DPoP-bound token | twice `dpop.iat_window`, and 10s |
   * `on_outage.replay` decides when Redis is out of memory | none
   */
  usedProof(name: string): string {
    return `${this.#prefix}{p${name.slice(0, 2)}}:${name}`
  }

  /**
   * Hash: the token of one client credentials grant, encrypted, and the lock to request the next one.
   *
   * @param id  id of the grant: a hash of issuer, client, scopes and resources
   * @stored 1 hash for each client credentials grant of the policy; the token has 16 KiB at most | until the token
   * expires, at most {@link LIFETIME_MAX_MS}; a lock without a token 65s | nothing is refused: the policy bounds the
   * number | none
   */
  grant(id: string): string {
    return `${this.#prefix}{g:${id}}`
  }

  /**
   * BullMQ prefix of the queues of one kind, which share a slot. Each queue adds its own name.
   *
   * @stored for each issuer or sink: 10,000 waiting jobs (1,000 for `grant` and `ship`), 100 completed and 1,000 failed
   * jobs of about 1 KB, and about 1,000 events | a completed job 1h, a failed job 7d, both until the next job ends; the
   * queue of an issuer or sink that was removed stays | the job is not added: such jobs only save time |
   * gatehouse_queue_jobs
   */
  queues(kind: string): string {
    return `{${this.#prefix.replace(/:$/, '')}:${kind}}`
  }
}
