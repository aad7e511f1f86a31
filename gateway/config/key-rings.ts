import { KeyRing, type RingKey } from '../base/key-ring.ts'
import type { SealKey } from '../base/sealer.ts'
import type { AssertionKeySetting } from './assertion-keys.ts'
import { type KeyKind, keyKinds } from './key-kinds.ts'

/** Keys that a settings document lists under `keys`, by kind. */
export interface SettingKeys {
  readonly assertion: readonly AssertionKeySetting[]
  readonly encryption: readonly SealKey[]
  readonly audit: readonly SealKey[]
  readonly policy: readonly SealKey[]
}

/** The keys of a node or worker. A reload of the settings replaces them. */
export class KeyRings {
  readonly assertion: KeyRing<AssertionKeySetting>
  readonly encryption: KeyRing<SealKey>
  readonly audit: KeyRing<SealKey>
  readonly policy: KeyRing<SealKey>

  constructor({ assertion, encryption, audit, policy }: SettingKeys, nowMs: () => number = Date.now) {
    this.assertion = new KeyRing(assertion, nowMs)
    this.encryption = new KeyRing(encryption, nowMs)
    this.audit = new KeyRing(audit, nowMs)
    this.policy = new KeyRing(policy, nowMs)
  }

  of(kind: KeyKind): KeyRing<RingKey> {
    return this[kind]
  }

  /**
   * Replaces the keys of each kind of which this process already has a key. The first key of a kind takes effect only
   * after a restart, because the process started without the parts that use keys of this kind.
   */
  replace({ assertion, encryption, audit, policy }: SettingKeys): void {
    if (this.assertion.writer !== undefined) this.assertion.replace(assertion)
    if (this.encryption.writer !== undefined) this.encryption.replace(encryption)
    if (this.audit.writer !== undefined) this.audit.replace(audit)
    if (this.policy.writer !== undefined) this.policy.replace(policy)
  }

  /**
   * Returns the kinds of which `keys` contains keys but this process has no key. They take effect only after a restart.
   */
  missingKinds(keys: SettingKeys): KeyKind[] {
    return keyKinds.filter((kind) => this.of(kind).writer === undefined && keys[kind].length > 0)
  }

  /** The keys that this process uses now, in the form of the settings. */
  get current(): SettingKeys {
    const { assertion, encryption, audit, policy } = this
    return { assertion: assertion.keys, encryption: encryption.keys, audit: audit.keys, policy: policy.keys }
  }
}
