import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'

const folder = fileURLToPath(new URL('../protos/', import.meta.url))

/** Reads the original protos of Envoy in test/protos/. */
export function loadEnvoyProtos(file = 'envoy/service/auth/v3/external_auth.proto'): protobuf.Root {
  const root = new protobuf.Root()
  // Imports that define only options are left out in test/protos/. Those of google/protobuf/ are part of protobufjs.
  root.resolvePath = (_, target) => {
    const path = target.startsWith(folder) ? target : folder + target
    return existsSync(path) || target.startsWith('google/protobuf/') ? path : null
  }
  root.loadSync(file, { keepCase: true })
  return root
}
