/** Scopes of admin API tokens. */
export const scopes = {
  'gatehouse:read': 'look: status, nodes, this document',
  'gatehouse:revoke': 'revoke tokens, sessions, subjects, clients',
  'gatehouse:limits': 'look at limits and reset them',
  'gatehouse:sessions': 'look at sessions and end them',
  'gatehouse:audit': 'read the audit log, and have it shipped again',
  'gatehouse:policy': 'change the policy',
  'gatehouse:admin': 'all of it',
} as const

export type Scope = keyof typeof scopes

export const allScopes: Scope = 'gatehouse:admin'
