/**
 * Example values of those options of oauth2-proxy whose result in docs/reference/oauth2-proxy.md depends on the value.
 * Each option has one or more examples, and each example is a list of values. The first examples of all options form
 * one complete configuration.
 */
export const proxyOptionExamples: Readonly<Record<string, readonly (readonly string[])[]>> = {
  alpha_request_header: [['X-Forwarded-User user'], ['X-Api-Key secret']],
  alpha_upstream: [['{ "uri": "http://app", "path": "/" }'], ['{ "uri": "unix:///run/app", "path": "/" }']],
  authenticated_emails_file: [['example-emails.txt']],
  cookie_domains: [['.example.com']],
  custom_sign_in_logo: [['logo.png'], ['https://example.com/logo.png']],
  email_domains: [['example.com'], ['*'], ['.example.com']],
  http_address: [['127.0.0.1:4180'], ['unix:///run/proxy']],
  https_address: [[':443']],
  oidc_issuer_url: [['https://idp.example.com']],
  prompt: [['consent'], ['none']],
  provider: [['oidc']],
  real_client_ip_header: [['X-Forwarded-For'], ['X-Real-IP']],
  redirect_url: [['https://auth.example.com/oauth2/callback']],
  redis_connection_url: [['redis://redis:6379'], ['redis://user:password@redis:6379']],
  skip_auth_regex: [['^/public/'], ['^/img'], ['\\.png$']],
  skip_auth_routes: [['GET=^/public/'], ['^/img'], ['\\.png$']],
  tls_cert_file: [['tls.crt']],
  tls_key_file: [['tls.key']],
  upstreams: [['http://app:8080'], ['static://202'], ['file:///var/www']],
  whitelist_domains: [['shop.example.com'], ['.example.com'], ['example.org']],
}
