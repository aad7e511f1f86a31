import { setTimeout as sleep } from 'node:timers/promises'
import { getRequest } from '../harness/connection.ts'
import { logIn } from '../harness/log-in.ts'
import type { BenchIssuer } from '../harness/tokens.ts'
import type { FlowStep } from '../overload/flow.ts'
import { FlowSender } from '../overload/flow-sender.ts'
import type { Outcomes } from './outcomes.ts'

/** Kinds of requests, with their part of the rate and the only status that is expected. */
export const requestKinds = {
  jwt: { part: 0.4, status: 200 },
  opaque: { part: 0.25, status: 200 },
  session: { part: 0.25, status: 200 },
  anonymous: { part: 0.05, status: 401 },
  forbidden: { part: 0.05, status: 403 },
} as const

export type RequestKind = keyof typeof requestKinds

const kinds = Object.keys(requestKinds) as RequestKind[]
/** Number of users, each with its own JWT, opaque token and session. */
const USERS = 20
/** Maximum number of connections of a kind to a node. */
const CONNECTIONS = 32

export interface FlowTarget {
  readonly port: number
}

/**
 * Sends requests of each kind to a node at random times. Replaces the credentials of one user after the other, so that
 * each is replaced in half of its lifetime.
 */
export class RequestFlows {
  readonly #target: FlowTarget
  readonly #issuer: BenchIssuer
  readonly #outcomes: Outcomes
  readonly #heads: Readonly<Record<RequestKind, string[]>> = {
    jwt: [],
    opaque: [],
    session: [],
    anonymous: [getRequest('/orders/1')],
    forbidden: [],
  }

  constructor(target: FlowTarget, issuer: BenchIssuer, outcomes: Outcomes) {
    this.#target = target
    this.#issuer = issuer
    this.#outcomes = outcomes
  }

  /** Gives each user its first credentials. @throws {Error} when a login fails */
  async prepare(): Promise<void> {
    for (let user = 0; user < USERS; user++) await this.#renew(user)
  }

  /** Replaces credentials until `isOver` returns true. @param lifeS  lifetime of a credential, s */
  async renewAll(lifeS: number, isOver: () => boolean): Promise<void> {
    for (let turn = 0; !isOver(); turn++) {
      await this.#outcomes.attempt('login', () => this.#renew(turn % USERS))
      await sleep((lifeS * 1000) / 2 / USERS)
    }
  }

  async #renew(user: number): Promise<void> {
    const jwt = `Bearer ${await this.#issuer.token(user)}`
    this.#heads.jwt[user] = getRequest('/orders/1', jwt)
    this.#heads.forbidden[user] = getRequest('/admin/1', jwt)
    this.#heads.opaque[user] = getRequest('/orders/1', `Bearer ${this.#issuer.opaque(user)}`)
    const cookie = await logIn(this.#target.port, user)
    this.#heads.session[user] = getRequest('/pages/1').replace('\r\n\r\n', `\r\nCookie: ${cookie}\r\n\r\n`)
  }

  /**
   * Sends requests until `isOver` returns true, or the last step has ended.
   *
   * @param perSecond  requests per second of all kinds
   * @param startsMs  start of each step, ms of `performance.now()`
   * @returns the results by kind, then by step
   */
  async send(
    perSecond: number,
    startsMs: readonly number[],
    isOver: () => boolean,
  ): Promise<Readonly<Record<RequestKind, readonly FlowStep[]>>> {
    const senders = kinds.map((kind) => {
      const rate = perSecond * requestKinds[kind].part
      const flow = {
        name: kind,
        heads: this.#heads[kind],
        perSecond: startsMs.map(() => rate),
        connections: CONNECTIONS,
      }
      return new FlowSender(this.#target.port, flow, startsMs)
    })
    while (!isOver()) {
      for (const sender of senders) sender.send(performance.now())
      await sleep(1)
    }
    for (let waited = 0; waited < 300 && senders.some(({ open }) => open > 0); waited++) await sleep(10)
    const results = kinds.map((kind, i): [RequestKind, FlowStep[]] => [kind, senders[i]!.end()])
    for (const [kind, steps] of results) this.#countReplies(kind, steps)
    return Object.fromEntries(results) as Record<RequestKind, FlowStep[]>
  }

  #countReplies(kind: RequestKind, steps: readonly FlowStep[]): void {
    for (const { replies, unsent } of steps) {
      for (const [status, count] of Object.entries(replies)) {
        for (let i = 0; i < count; i++) {
          if (status === String(requestKinds[kind].status)) this.#outcomes.count(kind)
          else this.#outcomes.fail(kind, status)
        }
      }
      this.#outcomes.unsent += unsent
    }
  }
}
