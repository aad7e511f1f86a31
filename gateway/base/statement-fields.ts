/** Request fields by which a gate or proxy speaks about the client: from a client they are worth nothing. */
export const statementFields = [
  'forwarded',
  'x-original-url',
  'x-original-method',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
] as const

/** And all that begin so. */
export const statementPrefixes = [
  'x-gatehouse-',
  'x-auth-request-',
  'x-forwarded-',
  'x-envoy-',
  'proxy-',
  'client-cert',
] as const
