import { defineVerb } from '../verb.ts'

/** `gatehouse import`: the verbs that make a policy from files of other programs. */
export const verb = defineVerb({
  description: 'Make a policy from an OpenAPI document or from the configuration of another proxy',
  examples: [
    {
      run: 'gatehouse import openapi api.yaml --issuer https://idp.example --out policy.yaml',
      does: 'a route for each operation; prints what has no equivalent',
    },
    {
      run: 'gatehouse import oauth2-proxy oauth2-proxy.cfg',
      does: 'for each option: mapped, not needed, or no equivalent',
    },
  ],
})
