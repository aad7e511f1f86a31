import { createHash } from 'node:crypto'

export type SessionList = 'subject' | 'device' | 'sid'

/** `sid` shares the beginning of `subject`, so that the ACL patterns of earlier releases fit. */
const listTags: Readonly<Record<SessionList, string>> = { subject: 'u:', device: 'd:', sid: 'u:p:' }

/**
 * The name of every key and channel. What one script touches shares a hash tag, `{…}`, and with it a slot of a cluster.
 */
export class RedisKeys {
  readonly #prefix: string
  /** Stream of what all nodes must hear, in order. */
  readonly events: string
  /** zset: the names of the buckets of packed revocations, by their end in s since the epoch. */
  readonly revocationBuckets: string
  /** Key of the hash under which identities are recorded: 32 random bytes. */
  readonly revocationHashKey: string
  /** zset: identifiers of issuers by the latest absolute end of a login session that was begun there, s since the epoch. */
  readonly sessionEnds: string
  /** Random; another one tells that Redis was emptied. */
  readonly epoch: string
  /** There while members may still put back what an emptied Redis lost: nobody joins meanwhile. */
  readonly settling: string
  /** zset: node ids by the end of their lease, ms of Redis's clock. */
  readonly members: string
  /** Hash: what each member says of itself, JSON. */
  readonly memberFacts: string
  /** Hash: the position up to which each member has applied the events. */
  readonly positions: string
  /** Held by whoever wrote the last heartbeat into the events. */
  readonly heartbeat: string
  /** Stream of the last recorded exchanges and jobs. */
  readonly traces: string
  /** Channel of acknowledgements. */
  readonly acknowledgements: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.traces = `${prefix}{traces}:recent`
    const revocation = `${prefix}{rev}:`
    this.events = `${revocation}log`
    this.revocationBuckets = `${revocation}buckets`
    this.revocationHashKey = `${revocation}key`
    this.sessionEnds = `${revocation}session-ends`
    this.epoch = `${revocation}epoch`
    this.settling = `${revocation}settling`
    this.members = `${revocation}members`
    this.memberFacts = `${revocation}facts`
    this.positions = `${revocation}positions`
    this.heartbeat = `${revocation}beat`
    this.acknowledgements = `${revocation}acks`
  }

  /** Key of the member that has this node id at present. */
  nodeId(id: string): string {
    return `${this.#prefix}{rev}:id:${id}`
  }

  /** Packed revocations that end together. @param endS  s since the epoch */
  revocationBucket(endS: number): string {
    return `${this.#prefix}{rev}:x:${endS}`
  }

  /**
   * One window of a limit. Buckets are spread over 256 slots, so that a tick's decisions fall into few calls.
   *
   * @param kind    layout of the value: windows of different modes must not meet under one name
   * @param limit   what the limit is, its window and mode included
   * @param bucket  whose window it is; never in the clear
   */
  limit(kind: 'exact' | 'leased', limit: string, bucket: string): string {
    const hash = createHash('sha256').update(bucket).digest('hex').slice(0, 32)
    return `${this.#prefix}{l${hash.slice(0, 2)}}:${kind}:${limit}:${hash}`
  }

  /**
   * What an issuer said of one token. Spread over 256 slots.
   *
   * @param tokenId  keyed hash of issuer and token, in hexadecimal
   */
  introspected(tokenId: string): string {
    return `${this.#prefix}{i${tokenId.slice(0, 2)}}:${tokenId}`
  }

  /** Stream of the audit log: an entry is a batch of one node. @param shard  from 0; only a Redis Cluster has several */
  auditLog(shard: number): string {
    return `${this.#prefix}{a${shard}}:log`
  }

  /** The newest batch of the log: what is cut off its end is missed. */
  auditHead(shard: number): string {
    return `${this.#prefix}{a${shard}}:head`
  }

  /** Hash: by sink, the id of the last entry of the log that it has taken. Who is in it holds the log. */
  auditCursors(shard: number): string {
    return `${this.#prefix}{a${shard}}:cursors`
  }

  /** Hash: how shipping to a sink goes. */
  auditSink(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:sink:${sink}`
  }

  /** Stream of what a sink would not take. */
  auditDead(shard: number, sink: string): string {
    return `${this.#prefix}{a${shard}}:dead:${sink}`
  }

  /**
   * Hash: by chain, `<number>:<hash>` of the last batch that was taken out of the log. A chain whose beginning is gone is
   * whole if it goes on from there.
   */
  auditTrimmed(shard: number): string {
    return `${this.#prefix}{a${shard}}:trimmed`
  }

  /**
   * A session. Each has a slot of its own, so that no other key can be in one script with it.
   *
   * @param id  hash of its cookie
   */
  session(id: string): string {
    return `${this.#prefix}{s:${id}}`
  }

  /**
   * zset: ids of sessions by their absolute end, ms since the epoch.
   *
   * @param name  keyed hash of their person, browser or `sid`, in hexadecimal
   */
  sessionsOf(kind: SessionList, name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:s`
  }

  /** Hash: the last logout at the issuer of a person or `sid`. In the slot of the list of their sessions. */
  logoutAtIssuer(kind: 'subject' | 'sid', name: string): string {
    return `${this.#prefix}{${listTags[kind]}${name}}:o`
  }

  /** There while a login attempt that was redeemed could be redeemed again. @param name  hash of its `state` */
  redeemedLogin(name: string): string {
    return `${this.#prefix}{o${name.slice(0, 2)}}:${name}`
  }

  /** There while a logout token of the issuer is known to be used. @param name  hash of issuer and `jti` */
  usedLogoutToken(name: string): string {
    return `${this.#prefix}{j${name.slice(0, 2)}}:${name}`
  }

  /** Prefix of the queues of one kind, which share a slot. Queues have names of their own below it. */
  queues(kind: string): string {
    return `{${this.#prefix.replace(/:$/, '')}:${kind}}`
  }
}
