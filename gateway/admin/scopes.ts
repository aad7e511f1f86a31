/** Scopes of admin API tokens. */
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
