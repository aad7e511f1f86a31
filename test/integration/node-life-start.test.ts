import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, connect as openSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { type NodeOptions, StartFailure, startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts, listen } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { signingKey } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted } from './admission.ts'

// A node serves what it was told to, or it ends with an error that names the place: never something in between.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const policy = testPolicy({ issuer: issuer.url, orders: orders.url })
