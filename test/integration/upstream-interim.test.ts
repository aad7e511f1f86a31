import { expect, test } from 'vitest'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { scriptedReplies } from './upstream-script.ts'

// RFC 9110 §15.2: a service can send interim replies before the final reply. The listener cannot send interim
// replies, so the gate discards them completely.

const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nContent-Length: 7\r\n\r\n'
const processing = 'HTTP/1.1 102 Processing\r\n\r\n'
const final = 'HTTP/1.1 200 OK\r\nX-Final: yes\r\nContent-Length: 2\r\n\r\nok'
const chunkedFinal = 'HTTP/1.1 200 OK\r\nX-Final: yes\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'

const upstream = await rawUpstream(
  scriptedReplies({
    one: { bytes: hints + final },
    'one-apart': { bytes: [hints, final] },
    several: { bytes: [processing, hints, processing + final] },
    'several-bytewise': { bytes: [...(hints + hints + final)] },
    'one-then-chunked': { bytes: hints + chunkedFinal },
  }),
)
const node = await startPublicNode([upstream.url])

test.concurrent.each(['one', 'one-apart', 'several', 'several-bytewise', 'one-then-chunked'])(
  'after interim replies (%s) of the service, the client gets the final reply completely and without fields of the interim replies',
  async (name) => {
    const get = requestBytes({ target: `/s/${name}` })

    // The request is sent twice to prove that the connection to the service is still usable.
    for (const reply of [await request(node.port, get), await request(node.port, get)]) {
      expect(reply).toMatchObject({ status: 200, text: 'ok', complete: true, interim: [] })
      expect(reply.field('x-final')).toBe('yes')
      expect(reply.field('link')).toBeUndefined()
    }
  },
)
