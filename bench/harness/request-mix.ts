/** One HTTP/1.1 request of a load. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Header fields by name, without `Host` and the fields about the body. */
  readonly fields: Readonly<Record<string, string>>
  /** Body, ASCII; `undefined`: no body. */
  readonly body?: string
}

/**
 * Header fields that a browser sends with a call of an API. Load generators send two fields, so that a gate that reads
 * and checks each field would look cheaper than it is.
 */
const browserFields: Readonly<Record<string, string>> = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  accept: 'application/json, text/plain, */*',
  'accept-language': 'en-GB,en;q=0.9,de;q=0.8',
  'accept-encoding': 'gzip, deflate, br, zstd',
  referer: 'https://shop.example/orders?status=open',
  'sec-ch-ua': '"Chromium";v="142", "Not=A?Brand";v="24"',
  'sec-fetch-dest': 'empty',
  'sec-fetch-mode': 'cors',
  'sec-fetch-site': 'same-origin',
  cookie: 'theme=dark; locale=en-GB; consent=necessary',
}

/** Body of a search, 250 bytes. */
const search = JSON.stringify({ status: ['open', 'paid'], sort: '-created', text: 't'.repeat(192) })

/** Paths and bodies of the requests to the service `orders`: replies of 50, 1,000 and 3,500 bytes, and an upload. */
const calls: readonly Omit<LoadRequest, 'fields'>[] = [
  { method: 'GET', path: '/orders/4711' },
  { method: 'GET', path: '/orders/list/open?page=2&size=20' },
  { method: 'GET', path: '/orders/history/4711' },
  { method: 'POST', path: '/orders/search', body: search },
]

/**
 * Returns the requests of a load. A load sends the requests in turn.
 *
 * @param field  name of the field that gets one of `values` in each request
 * @param values  values of `field`, used in turn. Empty: requests do not have the field
 * @param path  path of all requests, which are then GET. Default: four calls of the service `orders`, in turn
 */
export function requestMix(field: string, values: readonly string[], path?: string): LoadRequest[] {
  const kinds = path === undefined ? calls : [{ method: 'GET', path } as const]
  const count = Math.max(values.length, kinds.length)
  return Array.from({ length: count }, (_, i) => {
    const own = values.length === 0 ? {} : { [field]: values[i % values.length]! }
    return { ...kinds[i % kinds.length]!, fields: { ...browserFields, ...own } }
  })
}

/** Formats a request as it is sent on an HTTP/1.1 connection. */
export function requestText({ method, path, fields, body }: LoadRequest): string {
  let lines = `${method} ${path} HTTP/1.1\r\nHost: gate.bench\r\n`
  for (const [name, value] of Object.entries(fields)) lines += `${name}: ${value}\r\n`
  if (body === undefined) return `${lines}\r\n`
  return `${lines}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
