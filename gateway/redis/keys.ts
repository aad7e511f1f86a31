import { createHash } from 'node:crypto'

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
  /** Stream: cluster events, which every node applies in order. */
  readonly events: string
  /** Sorted set: key names of the buckets of packed revocations, scored by their expiry, s since the Unix epoch. */
  readonly revocationBuckets: string
  /** Secret key of the keyed hash under which identities are recorded: 32 random bytes. */
  readonly revocationHashKey: string
  /**
   * Sorted set: issuer identifiers, scored by the latest absolute expiry of a login session created at that issuer,
   * s since the Unix epoch.
   */
  readonly sessionEnds: string
  /** Secret from which all nodes derive the keys of their DPoP nonces: 32 random bytes in base64url. */
  readonly nonceSecret: string
  /** Random identifier of the data in Redis. A different value shows that Redis lost its data. */
  readonly epoch: string
  /** Marker that exists while members restore the data that Redis lost. No node can join while this key exists. */
  readonly settling: string
  /** Sorted set: member keys, scored by the end of their lease, ms of the Redis clock. */
  readonly members: string
  /** Hash: for each member key, the facts that the member publishes about itself, as JSON. */
  readonly memberFacts: string
  /** Hash: for each member key, the position of the last event that the member applied. */
  readonly positions: string
  /** Key of the member that wrote the last heartbeat event. Expires when the next heartbeat is due. */
  readonly heartbeat: string
  /** Stream: the most recent traces of exchanges and jobs. */
  readonly traces: string
  /** Pub/sub channel on which members publish the event positions that they applied. */
  readonly acknowledgements: string

  /** Hash: for each process, the keys (of `keys.*`) that it has and the keys with which it writes, as JSON. */
  readonly keyHolders: string
  /**
   * Hash: for each assertion key, the time since which every node publishes it; and for each key of any kind, the time
   * of the last report of a process that writes with it. All times are in ms since the epoch.
   */
  readonly keyUse: string
  /** Hash: for each kind of keys, the id of the key that the cluster appointed as the writing key. */
  readonly writingKeys: string
  /** Hash: policy revisions by their number, each with its MAC. */
  readonly policyRevisions: string
  /** Hash: for each drained upstream of a service, the end of the drain and the time of the change, ms since the epoch. */
  readonly drains: string
  /** String: the newest activation of a policy revision, with its MAC. */
  readonly policyActivation: string
  /** String: the outcome of the last rollout of a policy revision, with its MAC. */
  readonly policyRollout: string
  /** String: key of the member that evaluates the running rollout. Expires when the member no longer renews it. */
  readonly policyRolloutHolder: string

  constructor(prefix: string) {
    this.#prefix = prefix
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

  /** String: the key of the member that uses this node id now. */
  nodeId(id: string): string {
    return `${this.#prefix}{rev}:id:${id}`
  }

  /** String: a policy on which the members vote, with its MAC. Expires after a minute. */
  policyCandidate(id: string): string {
    return `${this.#prefix}{rev}:policy:candidate:${id}`
  }

  /** Hash: for each node id, its vote on a policy. Expires after a minute. */
  policyVotes(id: string): string {
    return `${this.#prefix}{rev}:policy:votes:${id}`
  }

  /**
   * Hash: for each member key, the requests that the member has counted since the start of a rollout, with a MAC. Expires
   * after the rollout.
   *
   * @param sequence  number of the activation with which the rollout began
   */
  policyRolloutCounts(sequence: number): string {
    return `${this.#prefix}{rev}:policy:rollout:${sequence}`
  }

  /** String: summary of the streams of one node, as JSON. Expires when the node no longer renews it. */
  streamSummary(id: string): string {
    return `${this.#prefix}{rev}:streams:${id}`
  }

  /** Bucket of packed revocations that expire together. @param endS  expiry, s since the Unix epoch */
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
   */
  limit(kind: 'exact' | 'leased', limit: string, bucket: string): string {
    const hash = createHash('sha256').update(bucket).digest('hex').slice(0, 32)
    return `${this.#prefix}{l${hash.slice(0, 2)}}:${kind}:${limit}:${hash}`
  }

  /**
   * Cached introspection response of an issuer for one token. The keys are spread over 256 hash tags.
   *
   * @param tokenId  keyed hash of issuer and token, in hexadecimal
   */
  introspected(tokenId: string): string {
    return `${this.#prefix}{i${tokenId.slice(0, 2)}}:${tokenId}`
  }

  /**
   * String: claim of the renewal of a credential that a service refused, then the renewed credential, encrypted. Expires
   * after 30 s. The keys are spread over 256 hash tags.
   *
   * @param id  keyed hash of the parameters of the credential (issuer, client, scopes …), in hexadecimal
   */
  renewal(id: string): string {
    return `${this.#prefix}{c${id.slice(0, 2)}}:${id}`
  }

  /**
   * Stream: audit log. Each entry is one batch of one node.
   *
   * @param shard  number of the shard, from 0; only a Redis Cluster has several shards
   */
  auditLog(shard: number): string {
    return `${this.#prefix}{a${shard}}:log`
  }

  /**
   * The newest batch of the audit log. A difference from the log's last entry shows that the log lost entries at its
   * end.
   */
  auditHead(shard: number): string {
    return `${this.#prefix}{a${shard}}:head`
  }

  /**
   * Hash: for each sink, the id of the last log entry that the sink accepted. The log is not trimmed past the entries
   * that a sink in this hash has not accepted yet.
   */
  auditCursors(shard: number): string {
    return `${this.#prefix}{a${shard}}:cursors`
  }

  /** Hash: delivery status of one audit sink. */
  auditSink(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:sink:${sink}`
  }

  /**
   * Stream: dead letters of one audit sink, which are records that the sink rejected, and records or batches that a
   * worker could not read.
   */
  auditDead(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:dead:${sink}`
  }

  /**
   * Hash: for each chain of batches, `<number>:<hash>` of the last batch that was trimmed from the log. A chain without
   * its first batches is intact if its first remaining batch continues from the last trimmed batch.
   */
  auditTrimmed(shard: number): string {
    return `${this.#prefix}{a${shard}}:trimmed`
  }

  /**
   * A login session. Each session has its own hash tag, so one script cannot access a session and another key.
   *
   * @param id  hash of the session cookie
   */
  session(id: string): string {
    return `${this.#prefix}{s:${id}}`
  }

  /**
   * Sorted set: session ids, scored by their absolute expiry, ms since the Unix epoch.
   *
   * @param name  keyed hash of the subject, device or `sid`, in hexadecimal
   */
  sessionsOf(kind: SessionList, name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:s`
  }

  /**
   * Sorted set: ids of all sessions of an issuer, scored by the end of their idle lifetime, ms since the Unix epoch. The
   * prefix starts with that of `subject`, as for `sid`.
   *
   * @param name  hash of the issuer identifier, in hexadecimal
   */
  sessionsAt(name: string): string {
    return `${this.#prefix}{${listTags.subject}i:${name}}:s`
  }

  /**
   * Hash: the last logout of a subject or `sid` at the issuer. In the same slot as the `sessionsOf` key of the subject
   * or `sid`.
   */
  logoutAtIssuer(kind: 'subject' | 'sid', name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:o`
  }

  /** Marks a login attempt as redeemed until the attempt expires. @param name  hash of the `state` parameter */
  redeemedLogin(name: string): string {
    return `${this.#prefix}{o${name.slice(0, 2)}}:${name}`
  }

  /**
   * Sealed (encrypted) content of a hand-over code. Expires after 30 s. @param name  hash of the code and the host
   * where it is valid
   */
  handOverCode(name: string): string {
    return `${this.#prefix}{o${name.slice(0, 2)}}:c:${name}`
  }

  /** Marks a logout token as used, to detect replays. @param name  hash of issuer and `jti` */
  usedLogoutToken(name: string): string {
    return `${this.#prefix}{j${name.slice(0, 2)}}:${name}`
  }

  /** Marks a DPoP proof as used, to detect replays. @param name  hash of thumbprint and `jti`, in hexadecimal */
  usedProof(name: string): string {
    return `${this.#prefix}{p${name.slice(0, 2)}}:${name}`
  }

  /**
   * Hash: the token of one client credentials grant, encrypted, and the lock to request the next one.
   *
   * @param id  id of the grant: a hash of issuer, client, scopes and resources
   */
  grant(id: string): string {
    return `${this.#prefix}{g:${id}}`
  }

  /** BullMQ prefix of the queues of one kind, which share a slot. Each queue adds its own name. */
  queues(kind: string): string {
    return `{${this.#prefix.replace(/:$/, '')}:${kind}}`
  }
}
