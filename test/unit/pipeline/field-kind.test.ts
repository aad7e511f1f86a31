import { expect, test } from 'vitest'
import { FieldKind, kindOfField } from '../../../gateway/pipeline/field-kind.ts'

// CONTRACT §6, S-006, S-035, S-039: what the client may not say goes, under every alias that a service might read alike.

const nameOf = (kind: FieldKind | undefined): string =>
  kind === undefined ? 'no token' : Object.entries(FieldKind).find(([, value]) => value === kind)![0]

test.each([
  ['accept', 'ordinary'],
  ['x-tenant', 'ordinary'],
  ['user_agent', 'ordinary'],
  ['x.custom_name', 'ordinary'],
  ['authorization', 'authorization'],
  ['cookie', 'cookie'],
  ['host', 'host'],
  ['x-gatehouse-jwt-assertion', 'dropped'],
  ['x_gatehouse_jwt_assertion', 'dropped'],
  ['x.gatehouse.jwt.assertion', 'dropped'],
  ['x-gatehouse_jwt.assertion', 'dropped'],
  ['x-gatehouse-anything', 'dropped'],
  ['x-auth-request-email', 'dropped'],
  ['x-auth-request_email', 'dropped'],
  ['x-forwarded-for', 'dropped'],
  ['x_forwarded_for', 'dropped'],
  ['x-forwarded-prefix', 'dropped'],
  ['x~forwarded~for', 'dropped'],
  ['forwarded', 'dropped'],
  ['x-real-ip', 'dropped'],
  ['x_real_ip', 'dropped'],
  ['x-original-url', 'dropped'],
  ['x-rewrite-url', 'dropped'],
  ['x-http-method-override', 'dropped'],
  ['x_http_method', 'dropped'],
  ['x-method-override', 'dropped'],
  ['x-client-ip', 'dropped'],
  ['x_cluster_client_ip', 'dropped'],
  ['true-client-ip', 'dropped'],
  ['cf-connecting-ip', 'dropped'],
  ['x-envoy-original-path', 'dropped'],
  ['x_envoy_external_address', 'dropped'],
  ['x-envoy', 'ordinary'],
  ['my-x-envoy-internal', 'ordinary'],
  ['client-cert', 'clientCert'],
  ['client-cert-chain', 'clientCert'],
  ['client_cert_chain', 'dropped'],
  ['proxy-authorization', 'dropped'],
  ['proxy-connection', 'dropped'],
  ['te', 'dropped'],
  ['keep-alive', 'dropped'],
  ['http2-settings', 'dropped'],
  ['x_request_id', 'dropped'],
  ['x-request-id', 'requestId'],
  ['transfer_encoding', 'framingAlias'],
  ['transfer.encoding', 'framingAlias'],
  ['content_length', 'framingAlias'],
  ['bad name', 'no token'],
  ['', 'no token'],
  ['näme', 'no token'],
  ['name:', 'no token'],
])('the field %s is %s', (name, kind) => {
  expect(nameOf(kindOfField(name))).toBe(kind)
})
