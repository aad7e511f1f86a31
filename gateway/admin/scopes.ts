/** Scopes of tokens for the admin API. */
export const adminScopes = {
  'gatehouse:read': 'read status, nodes, streams, traces and this document, and explain requests',
  'gatehouse:revoke': 'revoke tokens, sessions, subjects, clients; end streams',
  'gatehouse:limits': 'list and reset rate limit windows',
  'gatehouse:sessions': 'list and end login sessions',
  'gatehouse:audit': 'read and verify the audit log, and send records to a sink again',
  'gatehouse:policy': 'change the policy',
  'gatehouse:admin': 'every operation',
} as const

export type Scope = keyof typeof adminScopes

export const allScopes: Scope = 'gatehouse:admin'

/** Form and meaning of the scopes of service owners. SERVICE stands for the id of the service. */
export const ownerScopes = {
  'gatehouse:policy:SERVICE': 'compare and change this service of the policy alone, within `policy.owners.SERVICE`',
} as const

/** Scope of the owner of a service of the policy. */
export function ownerScope(service: string): string {
  return `${ownerScopePrefix}${service}`
}

export const ownerScopePrefix = 'gatehouse:policy:'
