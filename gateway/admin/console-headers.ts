/**
 * Sources that pages of the console may use. Scripts, styles, images and calls come from the admin plane alone. Inline
 * scripts and styles are blocked, so that a text that was taken for HTML runs nothing. No page may show the console in a
 * frame (clickjacking).
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/**
 * Header fields of every reply of the console: pages, files and log-in. `Cache-Control` is not among them: the admin
 * plane sets `no-store` for every reply that does not state another value.
 */
export const consoleHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const satisfies Readonly<Record<string, string>>
