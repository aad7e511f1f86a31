// Types of the part of oidc-provider that the demo issuer and the test issuers use. The package contains no types.

declare module 'oidc-provider' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

  export interface StoredPayload {
    [member: string]: unknown
    consumed?: number
    grantId?: string
    uid?: string
    userCode?: string
  }

  export interface Adapter {
    upsert(id: string, payload: StoredPayload, expiresIn?: number): Promise<void>
    find(id: string): Promise<StoredPayload | undefined>
    findByUid(uid: string): Promise<StoredPayload | undefined>
    findByUserCode(userCode: string): Promise<StoredPayload | undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  export interface Interaction {
    readonly uid: string
    readonly prompt: {
      readonly name: string
      readonly details: {
        readonly missingOIDCScope?: readonly string[]
        readonly missingOIDCClaims?: readonly string[]
        readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
      }
    }
    readonly params: Readonly<Record<string, unknown>>
    readonly session?: { readonly accountId: string }
    readonly grantId?: string
  }

  export interface Grant {
    addOIDCScope(scope: string): void
    addOIDCClaims(claims: readonly string[]): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }

  export interface IssuedToken {
    readonly kind: string
    readonly jti: string
    readonly format?: string
    readonly clientId: string
    readonly accountId?: string
    readonly aud?: string | readonly string[]
    readonly scope?: string
    readonly expiration: number
  }

  interface GrantConstructor {
    new (values: { accountId: string; clientId: string }): Grant
    find(id: string): Promise<Grant | undefined>
  }

  export class Provider extends EventEmitter {
    constructor(issuer: string, configuration: object)
    readonly Grant: GrantConstructor
    callback(): RequestListener
    registerGrantType(
      name: string,
      handler: (context: never) => Promise<void>,
      parameters: readonly string[],
      repeatable: readonly string[],
    ): void
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
      options: { mergeWithLastSubmission: boolean },
    ): Promise<void>
  }

  /** Rules by which oidc-provider decides whether to show a page to the user. */
  export namespace interactionPolicy {
    class Check<Context = never> {
      constructor(reason: string, description: string, check: (context: Context) => boolean)
    }
    interface Prompt {
      readonly checks: { add<Context>(check: Check<Context>): void }
    }
    function base(): { get(name: string): Prompt | undefined; remove(name: string): void }
  }

  export namespace errors {
    class InvalidRequest extends Error {
      constructor(description?: string)
    }
    class InvalidScope extends Error {
      constructor(description: string, scope: string)
    }
    class InvalidTarget extends Error {
      constructor(description?: string)
    }
  }
}
