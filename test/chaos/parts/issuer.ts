// The issuer of the chaos matrix, in its own process: `node issuer.ts PORT URL`. URL is the issuer identifier, at which
// the nodes reach it through a relay. ISSUER_KEY is its signing key, so that tokens stay valid after a restart. Opaque
// tokens are `opaque.SUBJECT`; the issuer keeps no state.

import { CodeIssuer } from '../../kit/code-issuer.ts'
import { importedKey } from '../../kit/imported-key.ts'
import { formOf, testAudience } from '../../kit/issuer.ts'

const [port, url] = process.argv.slice(2)

class ChaosIssuer extends CodeIssuer {
  constructor() {
    super()
    this.port = Number(port)
    this.serve('/introspect', async (request, response) => {
      const [kind, sub] = ((await formOf(request)).get('token') ?? '').split('.')
      const nowS = Math.floor(Date.now() / 1000)
      const claims = { iss: this.url, sub, client_id: 'reader', aud: testAudience, scope: 'orders:read' }
      const active = { active: true, token_type: 'Bearer', iat: nowS - 1, exp: nowS + 3600, ...claims }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(kind === 'opaque' ? active : { active: false }))
    })
  }

  override get url(): string {
    return url!
  }

  protected override metadata(): object {
    return { ...super.metadata(), introspection_endpoint: `${this.url}/introspect` }
  }
}

const issuer = new ChaosIssuer()
issuer.publish(importedKey(JSON.parse(process.env['ISSUER_KEY']!)))
// Sessions renew their access token several times in a row of the matrix.
issuer.expiresInS = 12
await issuer.start()
process.send?.({ kind: 'ready' })
